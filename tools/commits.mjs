/** Reading the files of a commit, without a checkout that git would have to know of. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.mjs';
import { ROOT } from './setup.mjs';

/**
 * The full name of a commit.
 *
 * @throws Error when there is none of that name
 */
export async function commitOf(ref) {
  const lines = [];
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
  const code = await run('git', args, { cwd: ROOT, log: (line) => lines.push(line) });
  if (code !== 0) throw new Error(`git knows no commit "${ref}"`);
  return lines[0];
}

/** Writes those files and folders of a commit into a new folder. */
export async function extract(commit, paths, folder) {
  await mkdir(folder);
  const archive = join(folder, 'sources.tar');
  await must('git', ['archive', '-o', archive, commit, ...paths], ROOT);
  await must('tar', ['-xf', archive], folder);
}

/** @throws Error with what the program wrote, when it fails */
export async function must(program, args, cwd) {
  const lines = [];
  const code = await run(program, args, { cwd, log: (line) => lines.push(line) });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${lines.join('\n')}`);
}
