import { fileURLToPath } from 'node:url';

import { startChild, type ChildLine } from '../support/child.js';

const PROGRAM = fileURLToPath(new URL('../simulation/simulate.process.ts', import.meta.url));

/** What the runs of some seeds came to, in a process of their own. */
async function simulate(from: number, count: number): Promise<readonly ChildLine[]> {
  const child = startChild(PROGRAM, { args: [String(from), String(count)] });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the simulation ended with ${code}:\n${child.output()}`);
  return child.lines.filter(({ seed }) => seed !== undefined);
}

/** On a busy machine a minute of simulated time takes many seconds. */
const LIMIT_MS = 300_000;

describe('a simulated fleet', () => {
  it(
    'keeps all promises, and repeats its run byte for byte in another process',
    async () => {
      const [runs, again] = await Promise.all([simulate(2, 3), simulate(4, 1)]);
      expect(runs.map(({ seed, violations }) => ({ seed, violations }))).toEqual([
        { seed: 2, violations: [] },
        { seed: 3, violations: [] },
        { seed: 4, violations: [] },
      ]);
      // The second process has run nothing before.
      expect(again[0]!['digest']).toBe(runs[2]!['digest']);
    },
    LIMIT_MS,
  );

  it(
    'keeps what it once broke: the rate of jobs that their workers gave back, and one run of a call that was moved twice',
    async () => {
      const seeds = [62, 231, 60_118];
      const runs = (await Promise.all(seeds.map((seed) => simulate(seed, 1)))).flat();
      expect(runs.map(({ seed, violations }) => ({ seed, violations }))).toEqual(
        seeds.map((seed) => ({ seed, violations: [] })),
      );
    },
    LIMIT_MS,
  );

  it(
    'is not blamed for what only its notes or its world had wrong',
    async () => {
      // A second replica takes over soon after the first; a job that was there already is a dead letter; a start is stopped.
      const seeds = [61_131, 80_799, 80_856];
      const runs = (await Promise.all(seeds.map((seed) => simulate(seed, 1)))).flat();
      expect(runs.map(({ seed, violations }) => ({ seed, violations }))).toEqual(
        seeds.map((seed) => ({ seed, violations: [] })),
      );
    },
    LIMIT_MS,
  );
});
