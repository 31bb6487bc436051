import { Redis } from '../../support/ioredis.js';
import { CONCURRENCY, type Peer, type Reading } from '../peer.js';

type Reply = [key: string, entries: [id: string, fields: string[]][]][] | null;

const KEY = 'bench:floor';
const GROUP = 'floor';

/** By hand: one XREADGROUP for many, one XACK for the same. */
export const peer: Peer = {
  key: KEY,
  fields: ['data', '%s'],
  group: GROUP,

  async consume(redisUrl, handle) {
    const [reader, acknowledger] = [new Redis(redisUrl), new Redis(redisUrl)];
    await reader.xgroup('CREATE', KEY, GROUP, '$', 'MKSTREAM').catch(() => undefined);
    const name = String(process.pid);
    const read = async () => {
      for (;;) {
        const reply = (await reader.xreadgroup(
          ...(['GROUP', GROUP, name, 'COUNT', CONCURRENCY, 'BLOCK', 1_000, 'STREAMS', KEY, '>'] as const),
        )) as Reply;
        const entries = reply?.[0]?.[1] ?? [];
        for (const [, fields] of entries) handle(JSON.parse(fields[1]!) as Reading);
        if (entries.length > 0) void acknowledger.xack(KEY, GROUP, ...entries.map(([id]) => id));
      }
    };
    void read();
  },

  async publish(redisUrl) {
    const redis = new Redis(redisUrl);
    return (reading) => redis.xadd(KEY, '*', 'data', JSON.stringify(reading));
  },
};
