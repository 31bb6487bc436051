import { fileURLToPath } from 'node:url';

import { startChild, type ChildLine } from '../support/child.js';

const PROGRAM = fileURLToPath(new URL('../simulation/simulate.process.ts', import.meta.url));
const SEEDS = 100;
const LIMIT_MS = 1_800_000;

/** What each of the seeds came to, in a process of their own; with a step of -1 the last comes first. */
async function simulate(from: number, step: number): Promise<ReadonlyMap<unknown, ChildLine>> {
  const child = startChild(PROGRAM, { args: ['--', String(from), String(SEEDS), String(step)] });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`the simulation ended with ${code}:\n${child.output()}`);
  return new Map(child.lines.filter(({ seed }) => seed !== undefined).map((line) => [line['seed'], line]));
}

const logOf = (line: ChildLine | undefined) =>
  line && { digest: line['digest'], lines: line['lines'], happened: line['happened'] };

describe('a simulated fleet', () => {
  it(
    `repeats its log byte for byte, in ${SEEDS} of ${SEEDS} seeds, whatever its process ran before`,
    async () => {
      const [runs, again] = await Promise.all([simulate(1, 1), simulate(SEEDS, -1)]);
      const seeds = Array.from({ length: SEEDS }, (_, n) => n + 1);
      const others = seeds.filter(
        (seed) => JSON.stringify(logOf(runs.get(seed))) !== JSON.stringify(logOf(again.get(seed))),
      );
      expect(others).toEqual([]);
      expect([runs.size, again.size]).toEqual([SEEDS, SEEDS]);
    },
    LIMIT_MS,
  );
});
