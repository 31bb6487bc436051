import { HydraDoctor, type HydraOptions } from '../../lib/index.js';
import { startInstance } from '../support/registry.js';
import { startSentinels } from '../support/sentinels.js';
import { startTlsRedis, type TlsRedis } from '../support/tls-redis.js';
import { ownerOf, startCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

/** What is found, and what could not be looked at, by its why. */
async function examine(options: Omit<HydraOptions, 'service'>) {
  const service = uniqueService('well');
  const instance = await startInstance({ service, ...options });
  const report = await new HydraDoctor(instance, { service }).check();
  const { notLookedAt, commands } = report;
  // How old the server is, and how busy the machine, is not asked here.
  const findings = report.findings.filter(({ id }) => !['server.vulnerable', 'reach.slow'].includes(id));
  expect(commands).toBeLessThanOrEqual(60);
  return { found: findings.map(({ id, what }) => `${id}: ${what}`), gaps: notLookedAt.map(({ why }) => why) };
}

describe('the doctor finds nothing on a healthy', () => {
  it('Cluster', async () => {
    const cluster = await startCluster(false);
    for (const node of cluster.nodes.keys()) await cluster.on(node, 'CONFIG', 'SET', 'appendonly', 'yes');
    const { found, gaps } = await examine({ redis: { cluster: cluster.seeds } });
    expect(found).toEqual([]);
    expect(gaps).toEqual(['Hydra 1.x is not in this layout of keys']);
  }, 60_000);

  it('Redis behind Sentinels', async () => {
    const { location } = await startSentinels();
    const { found, gaps } = await examine({ redis: location });
    expect(found.filter((one) => !one.startsWith('persistence.off'))).toEqual([]);
    expect(gaps).toEqual([]);
  }, 60_000);

  it('Redis with TLS, until its certificate is about to end', async () => {
    const names: { type: 'dns' | 'ip'; value: string }[] = [
      { type: 'dns', value: 'redis.test' },
      { type: 'ip', value: '127.0.0.1' },
    ];
    const start = (days: number) =>
      startTlsRedis((authority) => authority.issue('redis', { names, days }), ['--appendonly', 'yes']);
    const look = ({ url, authority, client }: TlsRedis) =>
      examine({ redis: url, tls: { ca: authority.ca, ...client, servername: 'redis.test' } });
    expect(await look(await start(60))).toEqual({ found: [], gaps: [] });
    const { found } = await look(await start(1));
    expect(found).toEqual([expect.stringContaining('reach.certificate')]);
  }, 60_000);
});

describe('the doctor of a Cluster', () => {
  it('looks at all primaries, and says which of them is not as it should be', async () => {
    const cluster = await startCluster(false);
    for (const node of cluster.nodes.keys()) await cluster.on(node, 'CONFIG', 'SET', 'appendonly', 'yes');
    const service = uniqueService('sharded');
    const instance = await startInstance({ service, redis: { cluster: cluster.seeds } });
    const { commands } = instance.redis;
    const services = Array.from({ length: 100 }, (_, n) => `${service}-${n}`);
    for (const name of services) {
      await commands.sadd(instance.keys.directory, name);
      await commands.lpush(instance.keys.incomplete(name), 'a dead letter');
    }
    for (let n = 0; n < 9; n++) {
      await commands.lpush(`hydra:service:{${service}-${n}}:queue:mails:waiting`, 'a job');
      await commands.xgroup('CREATE', `hydra:stream:{${service}-${n}}`, 'group', '$', 'MKSTREAM');
      await commands.xadd(`hydra:stream:{${service}-${n}}`, '*', 'a', 'b');
    }
    await cluster.on(1, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '100mb');
    const look = () => new HydraDoctor(instance, { service }).check();
    const report = await look();
    const what = Object.fromEntries(report.findings.map((one) => [one.id, one.what]));
    delete what['server.vulnerable'];
    delete what['reach.slow'];
    const { host, port } = cluster.seeds[1]!;
    expect(what).toEqual({
      'memory.eviction': `maxmemory-policy is allkeys-lru (${host}:${port})`,
      'queues.no-worker': expect.stringMatching(/^9 jobs wait without a worker, of .* and 4 more$/) as string,
      'queues.dead-letters': expect.stringMatching(/^100 dead letters, of .* and 95 more$/) as string,
      'streams.unread': expect.stringMatching(
        /^9 entries wait for groups that nobody reads: .* and 4 more$/,
      ) as string,
    });
    expect(report.notLookedAt.map(({ why }) => why)).toEqual(['Hydra 1.x is not in this layout of keys']);
    expect(report.commands).toBeLessThanOrEqual(60);
  }, 60_000);

  it('does not wait for a primary that does not answer, and says which it is', async () => {
    const cluster = await startCluster(false);
    const service = uniqueService('silent');
    const instance = await startInstance({ service, redis: { cluster: cluster.seeds } });
    const owner = await ownerOf(cluster, instance.keys.instances(service));
    const other = (owner + 1) % 3;
    await cluster.nodes[other]!.pause();
    try {
      const { findings } = await new HydraDoctor(instance, { service }).check();
      const { host, port } = cluster.seeds[other]!;
      expect(findings.find(({ id }) => id === 'reach.silent')?.what).toBe(`no answer from ${host}:${port}`);
    } finally {
      await cluster.nodes[other]!.resume();
    }
  }, 60_000);
});
