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
    'keeps what it once broke: the rate of a job that its worker gave back, and one run of a call that was moved twice',
    async () => {
      const runs = (await Promise.all([simulate(62, 1), simulate(231, 1)])).flat();
      expect(runs.map(({ seed, violations }) => ({ seed, violations }))).toEqual([
        { seed: 62, violations: [] },
        { seed: 231, violations: [] },
      ]);
    },
    LIMIT_MS,
  );
});
