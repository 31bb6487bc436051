import type { Conditions } from '../../lib/dashboard/facts/conditions.js';
import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import type { ListedQueues } from '../../lib/dashboard/facts/queues.js';
import type { SeenService } from '../../lib/dashboard/facts/service.js';
import type { ListedStreams } from '../../lib/dashboard/facts/streams.js';
import type { SeenTopology } from '../../lib/dashboard/facts/topology.js';
import { follow, startDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('guarded');
let url: string;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  await startInstance({ service, redis: url });
  await connectTo(url).rpush(`hydra:service:${service}:mqincomplete`, '{}');
});

/** The page by a user who may do everything but this. */
async function pageWithout(...rights: readonly string[]) {
  const name = uniqueService('user');
  await connectTo(url).acl('SETUSER', name, 'on', '>word', '~*', '&*', '+@all', ...rights);
  const own = new URL(url);
  own.username = name;
  own.password = 'word';
  return startDashboard(own.toString());
}

/** What is told first under one name. */
async function told<T>(page: { readonly url: string }, topic: string): Promise<T> {
  const { heard, stop } = await follow(page.url, [topic]);
  const first = await eventually(() => heard[0], { what: topic });
  stop();
  expect(first.problem).toBeUndefined();
  return first.value as T;
}

describe('what a user may not read', () => {
  it('takes nothing from what the doctor finds', async () => {
    const page = await pageWithout('-mget');
    const { conditions, notLookedAt } = await told<Conditions>(page, 'conditions');
    expect(conditions.map(({ id }) => id)).toContain('queues.dead-letters');
    const gap = notLookedAt.find(({ ids }) => ids.includes('calls.errors'));
    expect(gap).toEqual({ ids: ['calls.errors', 'calls.slow'], why: expect.stringContaining('NOPERM') });
  });

  it.each([
    ['-hvals', 'registry'],
    ['-mget', 'health'],
    ['-llen', 'queue'],
  ])('is not shown as nothing in the list of services: %s', async (right, part) => {
    const { services } = await told<Fleet>(await pageWithout(right), 'fleet');
    const { unread } = services.find(({ name }) => name === service)!;
    expect(unread).toEqual({ [part]: 'not allowed to look' });
  });

  it('is not shown as nothing of one service', async () => {
    const page = await pageWithout('-llen', '-hgetall');
    const { unread, instances } = await told<SeenService>(page, `service/${service}`);
    const refused = 'not allowed to look';
    expect(unread).toEqual({ queue: refused, configurations: refused });
    expect(instances).toHaveLength(1);
  });

  it('is not shown as nobody who calls', async () => {
    const { unread, notes } = await told<SeenTopology>(await pageWithout('-hvals'), 'topology');
    expect([unread, notes]).toEqual([[service], [expect.stringContaining('registry')]]);
  });

  it('is not shown as an empty queue, and leaves names that nobody may look for to others', async () => {
    const { queues, notes } = await told<ListedQueues>(await pageWithout('-llen', '-scan'), 'queues');
    expect(queues).toEqual([expect.objectContaining({ service, unread: 'not allowed to look' })]);
    expect(notes).toContainEqual(expect.stringMatching(/with a name of their own: .*NOPERM/));
    const streams = await told<ListedStreams>(await pageWithout('-scan'), 'streams');
    expect(streams).toEqual({ streams: [], notes: [expect.stringContaining('NOPERM')] });
  });
});
