import { Contender } from '../queue/contender.js';
import { measured, RUN_MS, WARM_UP_MS, type Subjects, type Work } from './subject.js';

const CONCURRENCY = 50;

export const subjects: Subjects = {
  async queue(redisUrl): Promise<Work> {
    const contender = await Contender.start('ours', 'ours', redisUrl);
    const consumer = await contender.consumer(CONCURRENCY);
    const addAndHandle = async (durationMs: number) => {
      const load = { concurrency: CONCURRENCY, durationMs };
      const added = await measured(redisUrl, () => contender.add(load));
      return { added, handled: await measured(redisUrl, () => contender.handle(consumer, added.operations)) };
    };
    return {
      steps: ['queue'],
      warmUp: () => addAndHandle(WARM_UP_MS),
      async run() {
        const { added, handled } = await addAndHandle(RUN_MS);
        return { [`add, ${CONCURRENCY} at once`]: added, [`handle no-ops, ${CONCURRENCY} at once`]: handled };
      },
      stop: async () => void (await Promise.all([contender.stop(), consumer.stop()])),
    };
  },
};
