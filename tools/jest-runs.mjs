/** Runs jest, and adds up what came of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.mjs';
import { failedTests } from './failed-tests.mjs';
import { compareWithList } from './memory-list.mjs';
import { ROOT } from './setup.mjs';

const JEST = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js'];

export class JestRuns {
  passed = 0;
  failed = 0;
  /** A line for each test that failed, in all the runs. */
  failures = [];

  /** @param folder - where the reports are written */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * Runs jest with these words, and resolves with whether all passed.
   *
   * @param options - as for {@link run}; without them jest writes to this terminal itself
   */
  async run(name, words, env, options = { inherit: true }) {
    const { code, report } = await this.#start(name, words, env, options);
    const failures = report || code !== 0 ? failedTests(report, ROOT) : [];
    // A jest that broke before it could report, or that failed on something other than a test, must not look green.
    if (code !== 0 && failures.length === 0)
      failures.push(`jest ended with code ${code}, and says of no test that it failed`);
    this.passed += report?.numPassedTests ?? 0;
    this.failed += failures.length;
    this.failures.push(...failures);
    return code === 0;
  }

  /** The same on the Redis in memory: what is listed with its reason has to fail there. */
  async runInMemory(name, words, env, say) {
    await this.#start(name, words, env, { inherit: true });
    const { wrong, passed, listed, share } = await compareWithList(this.#fileOf(name));
    say(`in memory ${passed} tests pass, ${(share * 100).toFixed(1)} %; ${listed} are listed with reasons`);
    this.passed += passed;
    this.failed += wrong.length;
    this.failures.push(...wrong);
    return wrong.length === 0;
  }

  #fileOf(name) {
    return join(this.folder, `${name}.json`);
  }

  async #start(name, words, env, options) {
    const file = this.#fileOf(name);
    const code = await run(process.execPath, [...JEST, '--json', `--outputFile=${file}`, ...words], {
      cwd: ROOT,
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
      ...options,
    });
    return { code, report: await readFile(file, 'utf8').then(JSON.parse, () => undefined) };
  }
}
