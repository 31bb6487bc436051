import 'reflect-metadata';
import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

const handled: { id: string; data: unknown; sender: string | undefined }[] = [];

@Controller()
class JobsController {
  @QueuePattern('invoice')
  invoice(@Payload() data: unknown, @Ctx() context: HydraJobContext): void {
    handled.push({ id: context.id, data, sender: context.getSender()?.service });
  }

  @QueuePattern('refused')
  refused(): never {
    throw new DeadLetter('not today');
  }
}

let redisUrl: string;
let service: string;
let nest: TestService;
let queue: QueueService;
let peer: HydraPeer;

beforeAll(async () => {
  redisUrl = await testRedisUrl();
  service = uniqueService('nest-jobs');
  nest = await startService({ service, redis: redisUrl }, [JobsController]);
  queue = nest.app.get(QueueService);
  peer = await HydraPeer.start({ service: uniqueService('hydra-jobs'), redisUrl });
  Logger.overrideLogger(false);
}, 30_000);

afterAll(async () => {
  await peer.stop();
  await nest.close();
});

const list = (name: string, of = service) =>
  nest.app.get(HydraInstance).redis.commands.lrange(`hydra:service:${of}:${name}`, 0, -1);

const listsAreEmpty = async (of: string, ...names: string[]) => {
  const lists = await Promise.all(names.map((name) => list(name, of)));
  return lists.every((elements) => elements.length === 0);
};

describe('a job that a Hydra process adds', () => {
  it.each([
    ['by its type', { typ: 'invoice', to: ':/' }],
    ['by its path', { to: ':/invoice' }],
    ['by a path with a verb', { to: ':[post]/invoice' }],
  ])('is handled here, found %s', async (_, { to, ...message }) => {
    handled.length = 0;
    const body = { number: 7, text: 'é€ "quoted" /' };
    await peer.call('queue', { ...message, to: `${service}${to}`, body });
    await eventually(() => handled.length === 1, { what: 'the job' });
    expect(handled[0]).toMatchObject({ data: body, sender: peer.service });
    await eventually(() => listsAreEmpty(service, 'mqrecieved', 'mqinprogress'), {
      what: 'its acknowledgement',
    });
  });

  it('is kept where Hydra looks for it when it is given up, with the reason in its body', async () => {
    await peer.call('queue', { to: `${service}:/refused`, body: { number: 8 }, mid: 'refused-1' });
    await eventually(async () => (await list('mqincomplete')).length === 1, { what: 'the dead letter' });
    const [text = ''] = await list('mqincomplete');
    expect(JSON.parse(text)).toMatchObject({ mid: 'refused-1', bdy: { number: 8, reason: 'not today' } });
    expect(JSON.stringify(JSON.parse(text))).toBe(text);
    expect(await queue.deadLetters()).toMatchObject([
      { id: 'refused-1', data: { number: 8 }, reason: 'not today' },
    ]);
  });
});

describe('a job that is added here', () => {
  const add = (data: unknown) => queue.add('work', data, { service: peer.service, headers: { tenant: 'a' } });

  it('is taken and completed by a Hydra process', async () => {
    const { id } = await add({ number: 9, text: 'é€😀 / "x"', list: [1.5, null] });
    const message = await peer.call('take', { service: peer.service });
    expect(message).toMatchObject({
      mid: id,
      typ: 'work',
      bdy: { number: 9, text: 'é€😀 / "x"', list: [1.5, null] },
    });
    expect(await queue.counts(peer.service)).toMatchObject({ waiting: 0, active: 1 });
    await peer.call('mark', { message: message!, completed: true });
    expect(await listsAreEmpty(peer.service, 'mqrecieved', 'mqinprogress', 'mqincomplete')).toBe(true);
  });

  it('is taken in the order in which it was added', async () => {
    const jobs = await queue.addBulk(
      [1, 2, 3].map((n) => ({ pattern: 'work', data: { n }, service: peer.service })),
    );
    for (const { id } of jobs) {
      const message = await peer.call('take', { service: peer.service });
      expect(message?.mid).toBe(id);
      await peer.call('mark', { message: message!, completed: true });
    }
  });

  it('is a dead letter when a Hydra process fails it, and can be driven again', async () => {
    const { id } = await add({ number: 10 });
    const message = await peer.call('take', { service: peer.service });
    await peer.call('mark', { message: message!, completed: false, reason: 'no luck' });
    const dead = await queue.deadLetters({ service: peer.service });
    expect(dead).toMatchObject([{ id, pattern: 'work', data: { number: 10 }, reason: 'no luck' }]);
    expect(await queue.redrive('all', { service: peer.service })).toEqual([id]);
    const again = await peer.call('take', { service: peer.service });
    expect(again).toEqual({ ...message, bdy: { number: 10 } });
    await peer.call('mark', { message: again!, completed: true });
    expect(await listsAreEmpty(peer.service, 'mqrecieved', 'mqinprogress', 'mqincomplete')).toBe(true);
  });
});

describe("a queue's own keys", () => {
  it('are not in the way of what Hydra lists', async () => {
    await queue.add('invoice', { n: 1 }, { id: 'with-id' }).result();
    const services = await peer.call('services');
    expect(services.map(({ serviceName }) => serviceName)).toEqual(
      expect.arrayContaining([service, peer.service]),
    );
    const routes = await peer.call('allRoutes');
    expect(Object.keys(routes).filter((name) => name.includes('queue'))).toEqual([]);
    await expect(peer.call('healthAll')).resolves.toBeDefined();
  });
});
