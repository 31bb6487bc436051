import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

import { blocksOf, exportsOf, moduleOf, type DocBlock, type DocModule } from '../support/doc-blocks.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where the modules of the blocks seem to be. */
const FOLDER = `${ROOT}test/docs-code/`;
/** What a block may use without importing it, the first of these that has it. */
const PACKAGES = [
  'nestjs-hydra',
  'nestjs-hydra/telemetry',
  'nestjs-hydra/dashboard',
  '../../support/doc-names.js',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/terminus',
  '@nestjs/config',
  'rxjs',
  'zod',
  'node:diagnostics_channel',
  '@opentelemetry/api',
  '@opentelemetry/sdk-metrics',
];
/** Packages that examples name and nobody here needs. */
const AMBIENT = `${ROOT}test/support/doc-packages.d.ts`;
/** Its blocks are compared with a sample, which is compiled, by `testing-doc.spec.ts`. */
const COMPARED = 'testing.md';

const pages = [
  'README.md',
  ...readdirSync(`${ROOT}docs`)
    .filter((name) => name.endsWith('.md') && name !== COMPARED)
    .map((name) => `docs/${name}`),
];
const blocks = pages.flatMap((page) => blocksOf(page, readFileSync(`${ROOT}${page}`, 'utf8')));

const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, (file) => ts.sys.readFile(file));
const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options,
  isolatedModules: false,
  emitDecoratorMetadata: false,
  // Node's own and the application's: examples are no tests.
  types: ['node'],
};

function programOf(files: ReadonlyMap<string, string>, before?: ts.Program): ts.Program {
  const real = ts.createCompilerHost(options);
  const host = ts.createCompilerHost(options);
  host.directoryExists = (path) => `${path}/`.startsWith(FOLDER) || real.directoryExists!(path);
  host.fileExists = (path) => files.has(path) || real.fileExists(path);
  host.readFile = (path) => files.get(path) ?? real.readFile(path);
  host.getSourceFile = (path, language) => {
    const text = files.get(path);
    if (text !== undefined) return ts.createSourceFile(path, text, language);
    return before?.getSourceFile(path) ?? real.getSourceFile(path, language);
  };
  return ts.createProgram([...files.keys(), AMBIENT], options, host);
}

/** zod names its parts as the language names its own; examples use `z`. */
const isWanted = (from: string, name: string) => name !== 'default' && (from !== 'zod' || name === 'z');

/** Where a block is a file: by the name in its first line, or by its line. */
function pathOf({ page, line, text }: DocBlock): string {
  const [, name = `line-${line}.ts`] = /^\/\/ \S*?([\w.-]+\.ts)\n/.exec(text) ?? [];
  return `${FOLDER}${page.replaceAll(/\W/g, '-')}/${name}`;
}

/** What a block may import from others of its page. */
function siblings(block: DocBlock): ReadonlyMap<string, string> {
  const others = blocks.filter((other) => other.page === block.page && other !== block);
  return new Map(
    others.flatMap((other) => {
      const file = pathOf(other).split('/').at(-1)!.replace(/\.ts$/, '.js');
      return exportsOf(other).map((name) => [name, `import { ${name} } from './${file}';`] as const);
    }),
  );
}

/** Which package has a name, and the program that tells it. */
function importers(): {
  readonly program: ts.Program;
  readonly importOf: (name: string) => string | undefined;
} {
  const path = `${FOLDER}all/packages.ts`;
  const text = PACKAGES.map((name, index) => `import * as a${index} from '${name}'; a${index};`).join('\n');
  const program = programOf(new Map([[path, text]]));
  const checker = program.getTypeChecker();
  const found = new Map<string, string>();
  for (const statement of program.getSourceFile(path)!.statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const module = checker.getSymbolAtLocation(statement.moduleSpecifier)!;
    const from = (statement.moduleSpecifier as ts.StringLiteral).text;
    for (const { name } of checker.getExportsOfModule(module))
      if (isWanted(from, name) && !found.has(name)) found.set(name, `import { ${name} } from '${from}';`);
  }
  return { program, importOf: (name) => found.get(name) };
}

/** What the compiler says about all blocks, by page. */
function faults(): ReadonlyMap<string, readonly string[]> {
  const { program: before, importOf } = importers();
  const found = new Map<string, string[]>(pages.map((page) => [page, []]));
  const modules = new Map<string, { readonly block: DocBlock; readonly made: DocModule }>();
  for (const block of blocks) {
    const path = pathOf(block);
    const near = siblings(block);
    const made = moduleOf(block, (name) => near.get(name) ?? importOf(name));
    if (typeof made === 'string') found.get(block.page)!.push(made);
    else modules.set(path, { block, made });
  }
  const program = programOf(new Map([...modules].map(([path, { made }]) => [path, made.text])), before);
  for (const [path, { block, made }] of modules) {
    const file = program.getSourceFile(path)!;
    const said = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    for (const { start = 0, messageText } of said) {
      const { line } = file.getLineAndCharacterOfPosition(start);
      const what = ts.flattenDiagnosticMessageText(messageText, ' ');
      found.get(block.page)!.push(`${block.page}:${made.lines[line]}: ${what}`);
    }
  }
  return found;
}

describe('the examples of', () => {
  let found: ReadonlyMap<string, readonly string[]>;
  beforeAll(() => (found = faults()), 300_000);

  it.each(pages)('%s compile', (page) => {
    expect(found.get(page)).toEqual([]);
  });
});
