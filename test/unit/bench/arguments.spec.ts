import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('npm run bench -- --compare refuses', () => {
  it.each<[what: string, args: string[], message: string]>([
    ['a commit that does not exist', ['--compare', 'no-such-commit'], 'git knows no commit "no-such-commit"'],
    ['no commit at all', ['--compare'], "Option '--compare <value>' argument missing"],
    [
      'a benchmark that has no builds to compare',
      ['--compare', 'HEAD', 'registry'],
      '"registry" cannot be compared, only rpc, queue, streams',
    ],
    [
      'a limit that is no number',
      ['--compare', 'HEAD', '--limit', 'some'],
      '--limit must be > 0, got "some"',
    ],
    ['no time', ['--compare', 'HEAD', 'rpc', '--minutes', '0'], '--minutes must be > 0, got "0"'],
    ['an option of the other benchmarks', ['--compare', 'HEAD', '--quick'], "Unknown option '--quick'"],
  ])('%s', (_what, args, message) => {
    const { status, stderr } = spawnSync(process.execPath, ['tools/bench.mjs', ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
