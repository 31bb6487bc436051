/** The page of the dashboard, from ui/: one script, one style sheet, one document, one icon. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './setup.mjs';

const UI = join(ROOT, 'ui');

/** Its files by their names, as texts. @throws what esbuild finds wrong */
export async function buildPage() {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(UI, 'main.tsx')],
    bundle: true,
    minify: true,
    write: false,
    outfile: 'page.js',
    format: 'esm',
    target: ['es2022'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'error',
  });
  const built = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;
  return {
    'page.html': await readFile(join(UI, 'page.html'), 'utf8'),
    'page.js': built('.js'),
    'page.css': built('.css'),
    'icon.svg': await readFile(join(UI, 'icon.svg'), 'utf8'),
  };
}

/** The module that takes the place of lib/dashboard/page-files. */
export function pageModule(files, form) {
  const text = `PAGE_FILES = ${JSON.stringify(files)};\n`;
  return form === 'esm' ? `export const ${text}` : `'use strict';\nexports.${text}`;
}
