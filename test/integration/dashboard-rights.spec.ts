import type { Conditions } from '../../lib/dashboard/facts/conditions.js';
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
});
