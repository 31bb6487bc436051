import { HydraDoctor, type HydraOptions } from '../../lib/index.js';
import { startInstance } from '../support/registry.js';
import { startSentinels } from '../support/sentinels.js';
import { startTlsRedis, type TlsRedis } from '../support/tls-redis.js';
import { startCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

/** What is found, and what could not be looked at, by its why. */
async function examine(options: Omit<HydraOptions, 'service'>) {
  const service = uniqueService('well');
  const instance = await startInstance({ service, ...options });
  const { findings, notLookedAt, commands } = await new HydraDoctor(instance, { service }).check();
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
