/**
 * `npm run test:redis -- <server> [arguments of jest…]`: suites on any redis-server or valkey-server; where none are named, all of
 * test/integration and test/interop. The last line is that of `npm test`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { run } from './command.mjs';
import { ROOT } from './setup.mjs';

const SUITES = ['test/integration', 'test/interop'];

const [given, ...suites] = process.argv.slice(2);
if (given === undefined || !existsSync(given)) {
  process.stderr.write('Which server? npm run test:redis -- /path/to/redis-server [suites…]\n');
  process.exit(2);
}
const server = resolve(given);
const folder = mkdtempSync(join(tmpdir(), 'hydra-server-'));
try {
  // The suites take what is called so, and first on PATH.
  symlinkSync(server, join(folder, 'redis-server'));
  const { REDIS_URL: _, ...environment } = process.env;
  const env = { ...environment, PATH: [folder, process.env.PATH].join(delimiter) };
  process.stdout.write(execFileSync(server, ['--version'], { encoding: 'utf8' }));
  process.exitCode = await run(
    process.execPath,
    [join(ROOT, 'tools/test.mjs'), ...(suites.length > 0 ? suites : SUITES)],
    { cwd: ROOT, env, inherit: true },
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
