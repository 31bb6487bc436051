import { createKeys } from '../../lib/protocol/keys.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';
import { startWorkers } from '../support/workers.js';

const keys = createKeys();

describe('a process that starts after others of its service were killed, while nobody watched,', () => {
  it('does not count them, but does count one that is only frozen', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('killed');
    const [killed, frozen] = await startWorkers(service, url, 2);
    const redis = connectTo(url);
    const isSilent = async ({ id }: { readonly id: string }) =>
      (await redis.exists(keys.presence(service, id))) === 0;
    // The frozen one cannot look after the registry: the dead stay in the index.
    await frozen!.kill('SIGSTOP');
    await killed!.kill('SIGKILL');
    await eventually(async () => (await isSilent(killed!)) && isSilent(frozen!), {
      what: 'both presences to end',
    });
    expect(await redis.hlen(keys.instances(service))).toBe(2);

    const started = await startInstance({ service, redis: url });
    const found = await started.discovery.waitFor(service);
    expect(found.map(({ id }) => id).toSorted()).toEqual([frozen!.id, started.id].toSorted());

    await frozen!.kill('SIGCONT');
    await eventually(
      async () => {
        const ids = started.discovery.instances(service).map(({ id }) => id);
        return (
          ids.length === 2 && ids.includes(frozen!.id) && (await redis.hlen(keys.instances(service))) === 2
        );
      },
      { what: 'the dead one to leave the index, and the other one to stay' },
    );
  }, 60_000);
});
