import { Controller } from '@nestjs/common';

import { HydraDoctor, QueuePattern, type DoctorReport } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { encodeNode } from '../../lib/protocol/records.js';
import { startAclRedis } from '../support/acl.js';
import { startService } from '../support/app.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, monitored, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class WorkController {
  @QueuePattern('work')
  work(): void {}
}

const healthyRedis = () => startPrivateRedis(['--appendonly', 'yes']);
/** What is found but for how old the server is, and how busy the machine. */
const withoutMachine = (report: DoctorReport): DoctorReport => ({
  ...report,
  findings: report.findings.filter(({ id }) => !['server.vulnerable', 'reach.slow'].includes(id)),
});
const examine = async (instance: HydraInstance) =>
  withoutMachine(await new HydraDoctor(instance, { service: instance.options.service }).check());
const reportOf = ({ out }: { readonly out: string }) => withoutMachine(JSON.parse(out) as DoctorReport);
const idsOf = ({ findings }: DoctorReport) => findings.map(({ id }) => id);

/** A state, and the command lines that provoke it and clear it again. */
const PROVOKED: readonly (readonly [id: string, provoke: string, clear: string])[] = [
  ['memory.eviction', 'CONFIG SET maxmemory-policy allkeys-lru', 'CONFIG SET maxmemory-policy noeviction'],
  ['persistence.off', 'CONFIG SET appendonly no', 'CONFIG SET appendonly yes'],
  ['persistence.fsync', 'CONFIG SET appendfsync no', 'CONFIG SET appendfsync everysec'],
  ['server.clients', 'CONFIG SET maxclients 4', 'CONFIG SET maxclients 1000'],
];

describe('the doctor of a service', () => {
  const service = uniqueService('examined');
  let url: string;
  let instance: HydraInstance;

  beforeAll(async () => {
    ({ url } = await healthyRedis());
    const { app } = await startService({ service, redis: url }, [WorkController]);
    instance = app.get(HydraInstance);
  });

  it('finds nothing on a healthy Redis, and looks at everything', async () => {
    const { findings, notLookedAt, checks, commands } = await examine(instance);
    expect(findings).toEqual([]);
    expect(notLookedAt).toEqual([]);
    expect(checks).toBeGreaterThan(25);
    expect(commands).toBeLessThanOrEqual(60);
  });

  it.each(PROVOKED)('finds %s until it is mended', async (id, provoke, clear) => {
    const admin = connectTo(url);
    const run = (line: string) => {
      const [command = '', ...words] = line.split(' ');
      return admin.call(command, ...words);
    };
    await run(provoke);
    try {
      expect(idsOf(await examine(instance))).toContain(id);
    } finally {
      await run(clear);
    }
    expect(idsOf(await examine(instance))).not.toContain(id);
  });

  it('finds that memory is nearly full until there is more', async () => {
    const admin = connectTo(url);
    // Of what it may use, the server itself has most here: a limit below that would refuse the heartbeats too.
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
    await admin.config('SET', 'maxmemory', String(Math.round(used * 1.12)));
    try {
      expect(idsOf(await examine(instance))).toContain('memory.full');
    } finally {
      await admin.config('SET', 'maxmemory', '0');
    }
    expect(idsOf(await examine(instance))).not.toContain('memory.full');
  });

  it('tells what it could not look at where a key holds something else and Redis has lost its scripts', async () => {
    const { url: other } = await healthyRedis();
    const examined = await startInstance({ service: uniqueService('examined'), redis: other });
    const admin = connectTo(other);
    await admin.set(examined.keys.directory, 'no set');
    await admin.script('FLUSH');
    const { notLookedAt } = await examine(examined);
    expect(JSON.stringify(notLookedAt)).toContain('WRONGTYPE');
  });

  it('finds a MONITOR and a pattern, while they are there', async () => {
    await monitored(url, async () => {
      const [monitor] = (await examine(instance)).findings;
      expect(monitor).toMatchObject({ id: 'monitors.monitor', severity: 'warning' });
    });
    const patterns = connectTo(url);
    await patterns.psubscribe('*');
    expect(idsOf(await examine(instance))).toContain('monitors.patterns');
    await patterns.punsubscribe('*');
    await eventually(async () => (await examine(instance)).findings.length === 0, { what: 'nothing' });
  });

  it('finds jobs without a worker, a paused queue, and instances that are dead or deaf', async () => {
    const other = uniqueService('left');
    const { keys, redis, queues, id } = instance;
    await redis.commands.sadd(keys.directory, other);
    await redis.commands.zadd(keys.beats(other), 1, 'gone');
    await queues.add('work', {}, { service: other });
    await queues.pause({ service: other });
    const record = encodeNode({ ...instance.presence.self, service: other, id: 'deaf' });
    await redis.commands.hset(keys.instances(other), 'deaf', record);
    const ids = idsOf(await examine(instance));
    for (const expected of ['queues.no-worker', 'queues.paused', 'registry.dead', 'registry.deaf'])
      expect(ids).toContain(expected);
    await redis.commands.del(keys.beats(other), keys.instances(other), keys.waiting(other));
    await queues.resume({ service: other });
    await eventually(async () => (await examine(instance)).findings.length === 0, { what: 'nothing' });
    expect(id).toBe(instance.id);
  });

  it('asks few commands about a thousand instances', async () => {
    const many = Array.from({ length: 10 }, (_, n) => `${service}-many-${n}`);
    const { keys, redis, presence } = instance;
    for (const name of many) {
      const records = Array.from({ length: 100 }, (_, n) => {
        const node = { ...presence.self, service: name, id: String(n) };
        return [String(n), encodeNode({ ...node, capabilities: { wireVersion: 1, acceptsCalls: false } })];
      });
      await redis.commands.hset(keys.instances(name), ...records.flat());
      await redis.commands.sadd(keys.directory, name);
    }
    const calls = async () => {
      const stats = await redis.commands.info('commandstats');
      return [...stats.matchAll(/:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await calls();
    const { commands, findings } = await examine(instance);
    // Those that scripts run are among them, and heartbeats: ten services are not ten thousand commands.
    expect((await calls()) - before).toBeLessThan(400);
    expect(commands).toBeLessThanOrEqual(60);
    expect(findings).toEqual([]);
  });

  it('passes over a service with too many instances, and says so', async () => {
    const crowd = `${service}-crowd`;
    const { keys, redis, presence } = instance;
    const record = encodeNode({ ...presence.self, service: crowd, id: 'one' });
    const records = Array.from({ length: 2_001 }, (_, n) => [String(n), record]);
    await redis.commands.hset(keys.instances(crowd), ...records.flat());
    await redis.commands.sadd(keys.directory, crowd);
    const { notLookedAt } = await examine(instance);
    const why = `there are more instances than are read at once: those of ${crowd} were not looked at`;
    expect(notLookedAt).toContainEqual(expect.objectContaining({ why: expect.stringContaining(why) }));
    await redis.commands.del(keys.instances(crowd));
    await redis.commands.srem(keys.directory, crowd);
  });
});

describe('the doctor of a user with few rights', () => {
  it('looks at what it may, says what it may not, and finds nothing wrong with generated rights', async () => {
    const redis = await startAclRedis();
    await redis.admin.config('SET', 'appendonly', 'yes');
    const service = uniqueService('least');
    const instance = await startInstance({ service, redis: await redis.userFor(service) });
    const { findings, notLookedAt } = await examine(instance);
    expect(findings).toEqual([]);
    const missing = notLookedAt.flatMap(({ ids }) => ids);
    expect(missing).toContain('buffers.pubsub');
    expect(notLookedAt.every(({ why }) => /NOPERM|permission/i.test(why))).toBe(true);
    const other = await new HydraDoctor(instance, { service: uniqueService('foreign') }).check();
    expect(withoutMachine(other).findings).toMatchObject([{ id: 'rights.missing', severity: 'error' }]);
  });

  it('looks at everything with the role doctor', async () => {
    const redis = await startAclRedis();
    await redis.admin.config('SET', 'appendonly', 'yes');
    const service = uniqueService('doctor');
    const url = await redis.userFor(service, { roles: ['service', 'doctor'] });
    const { findings, notLookedAt } = await examine(await startInstance({ service, redis: url }));
    expect(findings).toEqual([]);
    expect(notLookedAt).toEqual([]);
  });

  it('changes nothing: the rights to read are enough', async () => {
    const redis = await startAclRedis();
    await redis.admin.config('SET', 'appendonly', 'yes');
    const service = uniqueService('reads');
    const url = await redis.userFor(service, { roles: ['doctor'] });
    const { code, out } = await runInProcess(['--redis', url, '--json', 'doctor']);
    const { findings, notLookedAt } = reportOf({ out });
    expect(findings.map(({ id }) => id)).toEqual(['registry.empty']);
    expect(notLookedAt).toMatchObject([{ ids: ['rights.missing'] }]);
    expect(code).toBe(0);
  });
});

describe('npx nestjs-hydra doctor', () => {
  it('ends with 0 where there is no error, and 1 where there is one, and shows no secret', async () => {
    const { url } = await healthyRedis();
    const admin = connectTo(url);
    await admin.config('SET', 'requirepass', 'very-secret');
    const own = url.replace('//', '//:very-secret@');
    const well = await runInProcess(['--redis', own, '--json', 'doctor']);
    expect(well.code).toBe(0);
    expect(reportOf(well).findings).toMatchObject([{ id: 'registry.empty' }]);
    await admin.config('SET', 'maxmemory', '100mb');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const bad = await runInProcess(['--redis', own, 'doctor']);
    expect(bad.code).toBe(1);
    expect(bad.out).toContain('error memory.eviction: maxmemory-policy is allkeys-lru');
    expect(bad.out).toContain('mend: CONFIG SET maxmemory-policy noeviction');
    for (const { out, err } of [well, bad]) expect(out + err).not.toContain('very-secret');
    const words = await runInProcess(['doctor', '--no-such']);
    expect(words.code).toBe(2);
  });

  it('finds that there is no connection, and that Redis refuses the login', async () => {
    const nowhere = await runInProcess(['--redis', 'redis://127.0.0.1:1', '--json', 'doctor']);
    expect(nowhere.code).toBe(1);
    expect(reportOf(nowhere).findings).toMatchObject([{ id: 'reach.unreachable' }]);
    const { url } = await healthyRedis();
    await connectTo(url).config('SET', 'requirepass', 'right');
    const wrong = await runInProcess(['--redis', url.replace('//', '//:wrong@'), '--json', 'doctor']);
    expect(reportOf(wrong).findings).toMatchObject([{ id: 'reach.refused' }]);
  });

  it('waits until there is no error', async () => {
    const { url } = await healthyRedis();
    const admin = connectTo(url);
    await admin.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    const ends = runInProcess(['--redis', url, '--timeout', '30000', 'doctor', '--wait']);
    await eventually(async () => String(await admin.client('LIST')).includes('nestjs-hydra-cli'), {
      what: 'the doctor',
    });
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    expect((await ends).code).toBe(0);
  });
});
