import { Controller } from '@nestjs/common';

import { DeadLetter, QueuePattern, QueueService, StreamPattern, StreamService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { cliInProcess, type Cli } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let cli: Cli;
let redis: string;
let accepts = false;
const handled: unknown[] = [];

beforeAll(async () => {
  redis = await testRedisUrl();
  cli = cliInProcess(redis);
});

const service = uniqueService('press');
const stream = `${service}-news`;

@Controller()
class PressController {
  @QueuePattern('print')
  print(page: number): void {
    if (!accepts) throw new DeadLetter('no paper');
    handled.push(page);
  }

  @StreamPattern(stream, { attempts: 1 })
  read(news: string): void {
    if (!accepts) throw new Error('no glasses');
    handled.push(news);
  }
}

async function hasHistory(app: { get(type: typeof HydraInstance): HydraInstance }): Promise<boolean> {
  const { redis: connections, keys } = app.get(HydraInstance);
  return (await connections.commands.exists(createQueueKeys(keys, service).history)) === 1;
}

const json = async (...args: string[]) => JSON.parse((await cli(['--json', ...args])).out) as unknown;

describe('the command line', () => {
  beforeEach(() => {
    accepts = false;
    handled.length = 0;
  });

  it('shows jobs, tells why some were given up, and drives them again', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    const queue = app.get(QueueService);
    const { id } = await queue.add('print', 7);
    const later = await queue.add('print', 8, { delayMs: 60_000 });
    const isDead = async () => (await queue.counts()).dead === 1;
    await eventually(isDead, { what: 'the dead letter' });

    expect(await json('queue', 'counts', service)).toMatchObject({ dead: 1, delayed: 1, waiting: 0 });
    const [short, shortLater] = [id.slice(0, 8), later.id.slice(0, 8)];
    expect((await cli(['queue', 'dead', service])).out).toMatch(new RegExp(`${short} +print .*no paper`));
    expect((await cli(['queue', 'list', service, 'delayed'])).out).toMatch(
      new RegExp(`${shortLater} +print .*due`),
    );
    const delayed = { id: later.id, state: 'delayed', data: 8 };
    expect(await json('queue', 'show', service, later.id)).toMatchObject(delayed);
    expect(await json('queue', 'show', service, shortLater)).toMatchObject(delayed);

    expect(await cli(['queue', 'events', service, '--after', 'beginning'])).toMatchObject({ code: 2 });
    const kept = ['queue', 'events', service, '--durable', '--after', 'beginning'];
    expect(await cli([...kept.slice(0, -1), 'never'])).toMatchObject({ code: 2 });
    const watching = queue.events({ durable: true }).subscribe();
    await eventually(() => hasHistory(app), { what: 'events to be kept' });
    await queue.add('print', 11);
    const { out } = await cli([...kept, '--count', '2']);
    expect(out).toMatch(/\d(?:-\d+)+ (?:added|started) print .*\n\d+(?:-\d+)+ /);
    watching.unsubscribe();
    await eventually(async () => (await queue.counts()).dead === 2, { what: 'its end' });
    const other = (await queue.deadLetters()).at(-1)!.id;
    expect(await cli(['queue', 'remove', service, other, '--yes'])).toMatchObject({ code: 0 });

    accepts = true;
    expect((await cli(['queue', 'redrive', service, short, '--dry-run'])).out.trim()).toBe(id);
    expect(await cli(['queue', 'redrive', service, id])).toMatchObject({ code: 2 });
    expect(handled).toEqual([]);
    expect((await cli(['queue', 'redrive', service, '--all', '--yes'])).out.trim()).toBe(id);
    await eventually(() => handled.includes(7), { what: 'the job to be handled' });

    expect(await cli(['queue', 'remove', service, later.id, '--yes'])).toMatchObject({ code: 0 });
    expect(await cli(['queue', 'show', service, later.id])).toMatchObject({ code: 3, out: '' });
    const cancelled = await queue.add('print', 9, { delayMs: 60_000 });
    await queue.add('print', 10, { delayMs: 60_000 });
    expect(await cli(['queue', 'promote', service, 'nothing'])).toMatchObject({ code: 3 });
    expect(await cli(['queue', 'cancel', service])).toMatchObject({ code: 2 });
    expect(await cli(['queue', 'cancel', service, cancelled.id])).toMatchObject({ code: 2 });
    expect(await json('queue', 'cancel', service, '--pattern', 'print', '--dry-run')).toHaveLength(2);
    const cancel = ['queue', 'cancel', service, cancelled.id, '--reason', 'sold out', '--yes'];
    expect(await cli(cancel)).toMatchObject({ code: 0 });
    expect(await cli(cancel)).toMatchObject({ code: 4 });
    expect(await json('queue', 'show', service, cancelled.id)).toMatchObject({
      state: 'cancelled',
      error: 'sold out',
    });
    expect(await json('queue', 'cancel', service, '--pattern', 'print', '--yes')).toHaveLength(1);
    expect(await cli(['queue', 'cancel', service, 'nothing', '--yes'])).toMatchObject({ code: 3 });
    const paused = await cli(['queue', 'pause', service]);
    expect(paused).toMatchObject({ code: 0 });
    expect(paused.err).toContain('Hydra 1.x workers do not know the pause');
    expect((await queue.counts()).isPaused).toBe(true);
    expect(await cli(['queue', 'resume', service])).toMatchObject({ code: 0 });
    expect((await queue.counts()).isPaused).toBe(false);
  });

  it('finds, counts, drains, cleans and obliterates', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    const queue = app.get(QueueService);
    accepts = true;
    const job = await queue.add('print', 1);
    await job.result();
    await queue.pause();
    await queue.addBulk(
      [1, 2, 3].map((n) => ({ pattern: n === 3 ? 'other' : 'print', data: { customer: `c${n}` } })),
    );
    expect(await json('queue', 'list', service, 'waiting', '--counts')).toEqual({ print: 2, other: 1 });
    expect(await json('queue', 'list', service, 'waiting', '--text', '"c2"', '--since', '1h')).toHaveLength(
      1,
    );
    expect((await cli(['queue', 'counts', service])).out).toMatch(/OLDEST WAITING\n.* \d{4}-\d\d-\d\dT/);
    expect(await cli(['queue', 'drain', service])).toMatchObject({ code: 2 });
    expect(await json('queue', 'drain', service, '--yes')).toEqual({ removed: 3, dryRun: false });
    expect(await json('queue', 'clean', service, 'completed', '--before', '1h', '--yes')).toEqual([]);
    expect(await json('queue', 'clean', service, 'completed', '--yes')).toContain(job.id);
    expect(await cli(['queue', 'redrive', service, 'x', '--text', 'y'])).toMatchObject({ code: 2 });
    expect(await cli(['queue', 'obliterate', service, '--yes'])).toMatchObject({ code: 0 });
    expect(await queue.counts()).toMatchObject({ waiting: 0, isPaused: false });
    expect(await cli(['queue', 'log', service, 'nobody'])).toMatchObject({ code: 0 });
  });

  it('shows the schedules, and ends one', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    await app.get(QueueService).repeat('nightly', '0 3 * * *', 'print', 9, { timeZone: 'Europe/Berlin' });
    const shown = await cli(['queue', 'schedules', service]);
    expect(shown.out).toMatch(/^nightly +0 3 \* \* \* +Europe\/Berlin +print +\d{4}-\d\d-\d\dT/m);
    expect(await cli(['queue', 'unschedule', service, 'weekly', '--yes'])).toMatchObject({ code: 3 });
    expect(await cli(['queue', 'unschedule', service, 'nightly', '--yes'])).toMatchObject({ code: 0 });
    expect(await json('queue', 'schedules', service)).toEqual([]);
  });

  it('gives back what a dead Hydra 1.x worker held', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    accepts = true;
    const job = {
      to: `${service}:/`,
      frm: '0@old:/',
      mid: 'held-1',
      typ: 'print',
      ver: 'UMF/1.4.6',
      bdy: 11,
    };
    const { redis: connections } = app.get(HydraInstance);
    await connections.commands.lpush(`hydra:service:${service}:mqinprogress`, JSON.stringify(job));
    expect(await cli(['queue', 'release', service, 'other', '--yes'])).toMatchObject({ code: 3 });
    expect(await cli(['queue', 'release', service, 'held-1'])).toMatchObject({ code: 2 });
    expect(handled).toEqual([]);
    expect(await cli(['queue', 'release', service, 'held-1', '--yes'])).toMatchObject({ code: 0 });
    await eventually(() => handled.includes(11), { what: 'the job to be handled' });
    expect(await cli(['queue', 'release', service, 'held-1', '--yes'])).toMatchObject({ code: 3 });
  });

  it('shows how far the groups of a stream are, and gives them back what they gave up', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    const streams = app.get(StreamService);
    const entryId = await streams.publish(stream, 'rain', { type: 'weather' });
    const isDead = async () => (await streams.deadLetters(stream)).length === 1;
    await eventually(isDead, { what: 'the dead letter' });

    const info = (await cli(['stream', 'info', stream])).out;
    // From Redis 7.2 on a consumer that has only waited counts too, as those of the instances before this one.
    expect(info).toMatch(new RegExp(`${service} +0 +0 +- +\\d+ +1`));
    expect(info).toMatch(new RegExp(`^1 entries, ${entryId} to ${entryId}$`, 'm'));
    expect((await cli(['stream', 'tail', stream])).out).toBe(`${entryId}  "weather"  "rain"\n`);
    expect((await cli(['stream', 'dead', stream, service])).out).toMatch(
      new RegExp(`${entryId} +weather .*no glasses`),
    );
    accepts = true;
    expect(await cli(['stream', 'redrive', stream, service, '--all', '--yes'])).toMatchObject({ code: 0 });
    await eventually(() => handled.length === 1, { what: 'the event to be handled' });
    expect(await cli(['stream', 'replay', stream, service, 'beginning', '--yes'])).toMatchObject({ code: 0 });
    await eventually(() => handled.length === 2, { what: 'the event to be handled again' });
    expect(handled).toEqual(['rain', 'rain']);
  });

  it('deletes dead letters of a stream, and a group that nobody reads', async () => {
    const { app } = await startService({ service, redis }, [PressController]);
    const streams = app.get(StreamService);
    for (const news of ['a', 'b']) await streams.publish(stream, news);
    const dead = () => streams.deadLetters(stream);
    await eventually(async () => (await dead()).length >= 2, { what: 'the dead letters' });
    const [first] = await dead();
    const before = (await dead()).length;
    expect(await cli(['stream', 'remove', stream, service, first!.id, '--yes'])).toMatchObject({ code: 0 });
    expect(await dead()).toHaveLength(before - 1);
    expect(await cli(['stream', 'remove', stream, service, '--all', '--yes'])).toMatchObject({ code: 0 });
    expect(await dead()).toEqual([]);
    expect(await cli(['stream', 'remove-group', stream, service, '--yes'])).toMatchObject({ code: 4 });
    const { commands } = app.get(HydraInstance).redis;
    await commands.xgroup('CREATE', `hydra:stream:${stream}`, 'unread', '$');
    expect(await cli(['stream', 'remove-group', stream, 'unread', '--yes'])).toMatchObject({ code: 0 });
    expect((await streams.info(stream)).groups.map(({ name }) => name)).toEqual([service]);
  });

  it.each([
    [['queue', 'list', service, 'asleep'], 2],
    [['queue', 'redrive', service], 2],
    [['queue', 'redrive', service, 'nothing', '--yes'], 3],
    [['stream', 'info', 'dry'], 3],
    [['stream', 'replay', stream, 'nobody', 'beginning', '--yes'], 3],
  ])('%j ends with %i', async (args, code) => {
    expect(await cli(args)).toMatchObject({ code, out: '' });
  });
});
