import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

import { atEnd } from './at-end.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The library as JavaScript in a temporary folder, as `npm run build` makes it but unchecked, or as the run of all tests has
 * compiled it; returns that folder. The packages in `missing` are not installed for it.
 */
export async function buildLibrary({ missing = [] }: { missing?: readonly string[] } = {}): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'hydra-built-'));
  atEnd(() => rm(place, { recursive: true, force: true }));
  // Packages are looked for beside the folder of the file that imports them.
  await mkdir(join(place, 'node_modules'));
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (missing.includes(name)) continue;
    await symlink(join(ROOT, 'node_modules', name), join(place, 'node_modules', name));
  }
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  await writeFile(join(place, 'package.json'), JSON.stringify({ type: 'module', version }));
  const compiled = process.env['HYDRA_TEST_COMPILED'];
  if (compiled) await cp(join(compiled, 'lib'), join(place, 'dist'), { recursive: true });
  else await transpileInto(join(place, 'dist'));
  return join(place, 'dist');
}

/** File by file, and without a look at the types. */
async function transpileInto(folder: string): Promise<void> {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  const names = await readdir(join(ROOT, 'lib'), { recursive: true });
  for (const name of names.filter((file) => file.endsWith('.ts'))) {
    const fileName = join(ROOT, 'lib', name);
    const { outputText } = ts.transpileModule(await readFile(fileName, 'utf8'), {
      fileName,
      compilerOptions: { ...options, sourceMap: false, module: ts.ModuleKind.ESNext },
    });
    const target = join(folder, name.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, outputText);
  }
}
