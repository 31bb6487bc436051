/** The tarball that npm would publish. */
import { join } from 'node:path';
import { run } from './command.mjs';
import { ROOT } from './setup.mjs';

/**
 * Packs what is in dist/, unbuilt, and returns the tarball's path.
 *
 * @throws Error when npm could not pack
 */
export async function packInto(folder) {
  const lines = [];
  const words = ['pack', '--silent', '--pack-destination', folder];
  const code = await run('npm', words, { cwd: ROOT, log: (line) => lines.push(line) });
  const name = lines.findLast((line) => line.endsWith('.tgz'));
  if (code !== 0 || !name) throw new Error(`npm pack ended with code ${code}\n${lines.join('\n')}`);
  return join(folder, name);
}
