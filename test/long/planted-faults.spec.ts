import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { run } from '../../tools/command.mjs';
import { PLANTED_FAULTS } from '../simulation/planted/planted-faults.js';
import { atEnd } from '../support/at-end.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['lib', 'test/simulation', 'docs/redis-keys.md', 'package.json', 'tsconfig.json'];
const PROGRAM = ['--import', '@swc-node/register/esm-register', 'test/simulation/simulate.process.ts'];
const SEEDS = 200;
const LIMIT_MS = 3_000_000;

interface Outcome {
  readonly seed: number;
  readonly violations: readonly { readonly rule: string }[];
}

/** The library and the simulation, to be changed. */
async function copyOfProject(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'hydra-planted-'));
  atEnd(() => rm(copy, { recursive: true, force: true }));
  for (const path of COPIED) await cp(join(ROOT, path), join(copy, path), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function simulate(cwd: string, args: readonly string[]): Promise<Outcome[]> {
  const lines: string[] = [];
  const env = { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' };
  const code = await run(process.execPath, [...PROGRAM, ...args], {
    cwd,
    env,
    log: (line: string) => lines.push(line),
  });
  if (code !== 0) throw new Error(`the simulation ended with ${code}:\n${lines.slice(-20).join('\n')}`);
  const told = lines.filter((line) => line.startsWith('{"seed"'));
  return told.map((line) => JSON.parse(line) as Outcome);
}

describe('the rules of the simulation', () => {
  it.each(PLANTED_FAULTS)(
    `find within ${SEEDS} seeds: $name`,
    async ({ name, shownBy, rule }) => {
      const copy = await copyOfProject();
      const patch = join(ROOT, 'test/simulation/planted', `${name}.patch`);
      expect(await run('git', ['apply', '-C1', patch], { cwd: copy })).toBe(0);
      const runs = await simulate(copy, ['1', String(SEEDS), '--with', shownBy]);
      const found = runs.find(({ violations }) => violations.length > 0);
      expect(found?.violations.map((violation) => violation.rule)).toContain(rule);
      // It is the planted fault that they find: without it the same seed keeps all promises.
      const [without] = await simulate(ROOT, [String(found!.seed), '1']);
      expect(without!.violations).toEqual([]);
    },
    LIMIT_MS,
  );
});
