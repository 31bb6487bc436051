import { startPair } from '../rpc/pair.js';
import type { CallLoad } from '../rpc/caller.js';
import { redisOnly } from '../rpc/peer.js';
import { measured, RUN_MS, WARM_UP_MS, type Subjects, type Work } from './subject.js';

const LOADS: Readonly<Record<string, Omit<CallLoad, 'durationMs'>>> = {
  'calls, c = 1': { operation: 'sum', concurrency: 1 },
  'calls, c = 64': { operation: 'sum', concurrency: 64 },
  'calls, c = 256': { operation: 'sum', concurrency: 256 },
  'reply of 1,000 values, c = 4': { operation: 'count', concurrency: 4 },
};

export const subjects: Subjects = {
  async calls(redisUrl): Promise<Work> {
    const pair = await startPair('ours', 'ours', redisOnly(redisUrl));
    return {
      steps: Object.keys(LOADS),
      async warmUp() {
        await pair.run({ operation: 'sum', concurrency: 64, durationMs: WARM_UP_MS });
        await pair.run({ operation: 'count', concurrency: 4, durationMs: WARM_UP_MS / 2 });
      },
      run: async (step) => ({
        [step]: await measured(redisUrl, () => pair.run({ ...LOADS[step]!, durationMs: RUN_MS })),
      }),
      stop: () => pair.stop(),
    };
  },
};
