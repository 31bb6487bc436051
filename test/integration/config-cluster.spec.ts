import { runInProcess } from '../support/cli.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

describe('configurations on a Redis Cluster', () => {
  it('are written, watched and rolled back in one slot, foreign writes included', async () => {
    const { seeds } = await startCluster(false);
    const redis = { cluster: seeds };
    const url = `redis://${seeds[0]!.host}:${seeds[0]!.port}`;
    const service = uniqueService('spread');
    const { store: reader } = await openStore(service, {}, { redis });
    const { store: writer, instance } = await openStore(service, {}, { redis });
    const seen: unknown[] = [];
    reader.watch().subscribe((config) => seen.push(config));
    const arrives = (config: object) =>
      eventually(() => expect(seen.at(-1)).toEqual(config) ?? true, { what: JSON.stringify(config) });

    await writer.put('1.0.0', { n: 1 });
    await arrives({ n: 1 });
    await instance.redis.commands.hset(`hydra:service:{${service}}:configs`, '1.0.0', '{"n":2}');
    await arrives({ n: 2 });
    await writer.rollback(1);
    await arrives({ n: 1 });
    expect((await reader.history()).map(({ isForeign }) => isForeign)).toEqual([false, true, false]);
    expect(await reader.versions()).toEqual([{ version: '1.0.0', revision: 3 }]);

    const history = ['config', 'history', service, '--redis', url];
    expect(await runInProcess([...history, '--cluster'])).toMatchObject({ code: 0, err: '' });
    const astray = await runInProcess(history);
    expect(astray.code).toBe(5);
    expect(astray.err).toContain('a node of a Cluster');
    expect(astray.err).toContain('--cluster');
  }, 60_000);
});
