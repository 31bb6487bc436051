import { Redis } from '../support/ioredis.js';
import type { LoadResult } from '../support/load.js';
import { Consumers, startPublisher } from '../streams/backlog.js';
import { peerNamed } from '../streams/peer.js';
import { measured, RUN_MS, WARM_UP_MS, type Subjects, type Work } from './subject.js';

const ENTRIES = 8_000;
const AT_ONCE = 64;
/** Files in `streams/peers/`. */
const CONSUMED: Readonly<Record<string, string>> = {
  consume: 'ours',
  'consume, a key an entry': 'ours-ordered',
};

export const subjects: Subjects = {
  async publish(redisUrl): Promise<Work> {
    const { key } = await peerNamed('ours');
    const publisher = await startPublisher('ours', redisUrl);
    const redis = new Redis(redisUrl);
    const run = async (durationMs: number) => {
      const load = { concurrency: AT_ONCE, durationMs };
      const published = await measured(redisUrl, () => publisher.ask<LoadResult>('publish', load));
      await redis.unlink(key);
      return published;
    };
    return {
      steps: [`publish, ${AT_ONCE} at once`],
      warmUp: () => run(WARM_UP_MS),
      run: async (step) => ({ [step]: await run(RUN_MS) }),
      async stop() {
        await publisher.stop();
        redis.disconnect();
      },
    };
  },

  async consume(redisUrl): Promise<Work> {
    const consumers = new Map<string, Consumers>();
    for (const [step, file] of Object.entries(CONSUMED)) {
      const started = await Consumers.start(file, 1, redisUrl);
      await started.reset();
      consumers.set(step, started);
    }
    return {
      steps: [...consumers.keys()],
      async warmUp() {
        for (const one of consumers.values()) await one.catchUp(ENTRIES * 4);
      },
      run: async (step) => ({
        [step]: await measured(redisUrl, () => consumers.get(step)!.catchUp(ENTRIES)),
      }),
      stop: async () => void (await Promise.all([...consumers.values()].map((one) => one.stop()))),
    };
  },
};
