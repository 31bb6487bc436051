import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';

import { startChild, type Child, type ChildLine } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const PROGRAM = fileURLToPath(new URL('./listeners.process.ts', import.meta.url));
/** Node warns of an eleventh listener. */
const KILLS = 30;

describe('connections that are killed again and again under load', () => {
  it('leave no listener behind, and are made again each time', async () => {
    const redis = await startPrivateRedis();
    const admin = new Redis(redis.url);
    const child = startChild(PROGRAM, { env: { REDIS_URL: redis.url, SERVICE: uniqueService('leak') } });
    await child.ready;

    const connected = async () => {
      const lines = String(await admin.client('LIST')).split('\n');
      const ours = lines.filter((line) => line.includes(' name=hydra:'));
      return {
        count: ours.length,
        ids: ours.map((line) => /^id=(\d+)/.exec(line)?.[1]),
        // Both of its channels, and what discovery listens to.
        deaf: ours.filter((line) => line.includes(':subscriber ') && line.includes(' sub=0 ')).length,
      };
    };
    const { count } = await connected();
    const kill = async (type: string) => {
      const { ids } = await connected();
      await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
      const isBack = async () => {
        const now = await connected();
        return now.count === count && now.deaf === 0 && now.ids.some((id) => !ids.includes(id));
      };
      await eventually(isBack, { what: `${count} connections again`, timeoutMs: 20_000 });
    };
    const killUnderLoad = async (times: number) => {
      child.send({ load: true });
      for (let round = 0; round < times; round++) await kill(round % 2 === 0 ? 'normal' : 'pubsub');
    };

    await killUnderLoad(2);
    const before = await reported(child);
    await killUnderLoad(KILLS);
    const after = await reported(child);

    expect(after['report']).toEqual(before['report']);
    expect(after['warnings']).toEqual([]);
    expect(Number(after['answered'])).toBeGreaterThan(Number(before['answered']));
    await child.kill('SIGKILL');
    admin.disconnect();
    await redis.stop();
  });
});

async function reported(child: Child): Promise<ChildLine> {
  const seen = child.lines.length;
  child.send({ report: true });
  return eventually(() => child.lines.slice(seen).find((line) => 'report' in line), {
    what: 'the report',
    timeoutMs: 60_000,
  });
}
