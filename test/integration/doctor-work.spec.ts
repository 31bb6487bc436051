import { Controller } from '@nestjs/common';
import type { Redis } from 'ioredis';

import {
  HydraDoctor,
  QueuePattern,
  StreamPattern,
  StreamService,
  type DoctorReport,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('stream');
const key = `hydra:stream:${stream}`;
const GONE = 'b'.repeat(32);

@Controller()
class WorkController {
  @QueuePattern('work')
  work(): void {}

  @StreamPattern(stream)
  entry(): void {}
}

describe('the doctor, of work in queues and streams', () => {
  const service = uniqueService('works');
  let url: string;
  let instance: HydraInstance;
  let admin: Redis;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis(['--appendonly', 'yes']));
    const { app } = await startService({ service, redis: url }, [WorkController]);
    instance = app.get(HydraInstance);
    admin = connectTo(url);
  });

  /** But for how old the server is, and how busy the machine. */
  const examine = async () => {
    const report = await new HydraDoctor(instance).check();
    return {
      ...report,
      findings: report.findings.filter(({ id }) => !['server.vulnerable', 'reach.slow'].includes(id)),
    };
  };
  const findingOf = async (id: string) => (await examine()).findings.find((one) => one.id === id);
  const untilWell = () =>
    eventually(async () => (await examine()).findings.map(({ id }) => id).join() === '', {
      what: 'no finding',
    });

  it('finds nothing where the work is done', async () => {
    await instance.queues.add('work', {});
    await new StreamService(instance).publish(stream, {});
    await untilWell();
    expect((await examine()).notLookedAt).toEqual([
      { ids: ['rights.missing'], why: expect.any(String) as string },
    ]);
  });

  it('finds a queue with a name of its own, which nobody works off', async () => {
    await instance.queues.add('mail', {}, { queue: 'mails' });
    expect(await findingOf('queues.no-worker')).toMatchObject({
      severity: 'error',
      what: `1 jobs wait without a worker, of ${service} (mails)`,
      fix: expect.stringContaining(`queue counts ${service} --queue mails`) as string,
    });
    await instance.queues.drain({ queue: 'mails' });
    await untilWell();
  });

  it('finds jobs that no worker has a handler for', async () => {
    // It has been in the line for a while already.
    const job = JSON.stringify({ to: `${service}:/`, frm: 'a', mid: 'stray', ts: '', typ: 'unknown' });
    const state = JSON.stringify({ unhandledSince: Date.now() - 61_000 });
    await admin.hset(`hydra:service:${service}:queue:default:state`, job, state);
    await admin.lpush(instance.keys.waiting(service), job);
    await eventually(async () => (await findingOf('queues.no-handler')) !== undefined, {
      what: 'the finding',
    });
    expect(await findingOf('queues.no-handler')).toMatchObject({
      what: `1 jobs wait for a handler of unknown, of ${service}`,
      fix: expect.stringContaining(`queue cancel ${service} --pattern unknown`) as string,
    });
    await instance.queues.remove('stray');
    await untilWell();
  });

  it('finds the dead letters of a queue', async () => {
    await admin.rpush(
      `hydra:service:${service}:mqincomplete`,
      '{"to":"a:/","frm":"b","mid":"1","ts":"","bdy":{}}',
    );
    expect(await findingOf('queues.dead-letters')).toMatchObject({ what: `1 dead letters, of ${service}` });
    await admin.del(`hydra:service:${service}:mqincomplete`);
    await untilWell();
  });

  it('finds a group that nobody reads, and its command removes it', async () => {
    await admin.xgroup('CREATE', key, 'retired', '0');
    const found = await findingOf('streams.unread');
    expect(found).toMatchObject({
      severity: 'error',
      what: `1 entries wait for groups that nobody reads: ${stream} (retired)`,
    });
    const words = found!.fix.split('npx nestjs-hydra ')[1]!.split(' ');
    expect((await runInProcess(['--redis', url, ...words, '--yes'])).code).toBe(0);
    await untilWell();
  });

  it('finds a group that reads far behind, and entries with instances that are gone', async () => {
    const old = uniqueService('old');
    const name = `hydra:stream:${old}`;
    await admin.xadd(name, '1000-0', 'a', 'b');
    await admin.xgroup('CREATE', name, 'late', '0');
    await admin.set(`${name}:consumer:late:${'a'.repeat(32)}`, '1');
    await admin.xgroup('CREATECONSUMER', name, 'late', 'a'.repeat(32));
    expect(await findingOf('streams.lag')).toMatchObject({
      severity: 'warning',
      what: expect.stringMatching(`^entries are unread for up to \\d+ days: ${old} \\(late\\)$`) as string,
    });
    await admin.xreadgroup('GROUP', 'late', GONE, 'STREAMS', name, '>');
    expect(await findingOf('streams.lag')).toBeUndefined();
    expect(await findingOf('streams.held')).toMatchObject({
      what: `1 entries are with instances that are gone: ${old} (late)`,
    });
    await admin.xack(name, 'late', '1000-0');
    await untilWell();
  });

  it('finds what was trimmed away and what was given up, and says where it is counted', async () => {
    await admin.set(`${key}:lost:${service}`, '5');
    const found = await findingOf('streams.trimmed');
    expect(found).toMatchObject({ what: `5 entries were trimmed away unread: ${stream} (${service})` });
    await admin.del(/DEL (\S+)/.exec(found!.fix)![1]!);
    await admin.xadd(`${key}:dead:${service}`, '*', 'a', 'b');
    expect(await findingOf('streams.dead-letters')).toMatchObject({
      what: `1 dead letters: ${stream} (${service})`,
    });
    await admin.del(`${key}:dead:${service}`);
    await untilWell();
  });

  it('says which part of many keys it has not looked at', async () => {
    const pipeline = admin.pipeline();
    for (let n = 0; n < 60_000; n++) pipeline.set(`hydra:service:x:${n}:other`, '');
    await pipeline.exec();
    const { notLookedAt, commands } = await examine();
    const gap = notLookedAt.find(({ why }) => why.includes('there are more keys than the 50,000'));
    expect(gap?.ids).toEqual(expect.arrayContaining(['streams.unread', 'queues.no-worker']));
    expect(commands).toBeLessThanOrEqual(60);
    await admin.eval("for n = 0, 59999 do redis.call('UNLINK', 'hydra:service:x:' .. n .. ':other') end", 0);
  });

  it('looks at some of many services where each takes a command, and says at how many', async () => {
    const other = await startInstance({ service: uniqueService('tagged'), redis: url, layout: 'hash-tags' });
    for (let n = 0; n < 30; n++) await admin.sadd(other.keys.directory, `of-many-${n}`);
    const report: DoctorReport = await new HydraDoctor(other).check();
    expect(report.notLookedAt.map(({ why }) => why)).toContainEqual(
      expect.stringMatching(/^only 15 of \d+ services were looked at$/),
    );
    expect(report.commands).toBeLessThanOrEqual(60);
    for (let n = 0; n < 30; n++) await admin.srem(other.keys.directory, `of-many-${n}`);
  });
});
