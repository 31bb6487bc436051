/**
 * `npm run test:redis -- <server> [suites…]`: suites on any redis-server or valkey-server, those of calls, jobs, streams,
 * registry and configurations where none are named. Libraries beside a server that was unpacked (tools/debian-servers.mjs) are
 * found. The last line is that of `npm test`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { run } from './command.mjs';
import { ROOT } from './setup.mjs';

const SUITES = [
  'request-reply',
  'queue',
  'queue-leases',
  'streams',
  'registry',
  'config-store',
  'metrics',
  'doctor',
];

/** `usr/lib/<machine>` beside `usr/bin`, as packages have it. */
function librariesOf(server) {
  const lib = join(dirname(server), '..', 'lib');
  if (!existsSync(lib)) return [];
  return [lib, ...readdirSync(lib).map((name) => join(lib, name))];
}

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
  const libraries = [...librariesOf(server), process.env.LD_LIBRARY_PATH ?? ''].filter(Boolean);
  const env = {
    ...environment,
    PATH: [folder, process.env.PATH].join(delimiter),
    ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(delimiter) }),
  };
  process.stdout.write(execFileSync(server, ['--version'], { env, encoding: 'utf8' }));
  const named = suites.length > 0 ? suites : SUITES.map((name) => `test/integration/${name}.spec.ts`);
  process.exitCode = await run(process.execPath, [join(ROOT, 'tools/test.mjs'), ...named], {
    cwd: ROOT,
    env,
    inherit: true,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
