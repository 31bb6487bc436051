import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { failedTests } from '../../../tools/failed-tests.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs a suite of its own with jest, and gives what is said of it. */
function linesOf(suite: string): string[] {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hydra-failing-')));
  try {
    writeFileSync(join(folder, 'it.spec.cjs'), suite);
    const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
    const config = JSON.stringify({ testMatch: ['**/*.spec.cjs'], rootDir: folder, watchman: false });
    const words = [jest, '--json', '--runInBand', '--config', config];
    const { stdout } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8', timeout: 50_000 });
    return failedTests(JSON.parse(stdout), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('what is said of a run', () => {
  it('names each test that failed with the beginning of its error, and none that passed', () => {
    const suite = `describe('a sum', () => {
      it('is right', () => expect(1 + 1).toBe(2));
      it('is wrong', () => expect(1 + 1).toBe(3));
      it('is no number', () => { throw new Error('no number\\nat all'); });
      it('is long', () => { throw new Error('x'.repeat(1_000)); });
    });`;
    expect(linesOf(suite)).toEqual([
      'it.spec.cjs › a sum is wrong: Error: expect(received).toBe(expected) // Object.is equality; Expected: 3; Received: 2',
      'it.spec.cjs › a sum is no number: Error: no number; at all',
      expect.stringMatching(/^it\.spec\.cjs › a sum is long: Error: x{293}…$/),
    ]);
  });

  it('names a suite that does not begin, with why', () => {
    expect(linesOf(`require('./missing.cjs');`)).toEqual([
      expect.stringMatching(/^it\.spec\.cjs did not run: .*Cannot find module '\.\/missing\.cjs'/),
    ]);
  });

  it('is that there is no report, when jest left none', () => {
    expect(failedTests(undefined, ROOT)).toEqual(['jest left no report']);
  });
});
