/**
 * `npm run structure -- [--ref <commit>] [--json] [--list]`: the structure of lib/ in numbers. With `--ref` a commit
 * stands beside this working tree; `--list` names what some of the numbers count.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitOf, extract } from './commits.mjs';
import { ROOT } from './setup.mjs';
import { namesBehind, structureOf } from './structure-numbers.mjs';
import { tableLines } from './terminal.mjs';

const spread = ([median, p90, max]) => `${median} · ${p90} · ${max}`;

/** What a table shows of each number. */
const ROWS = {
  'files / lines': (one) => `${one.files} / ${one.lines}`,
  'lines of a file: median · p90 · max': (one) => spread(one.fileLines),
  'lines of a function: median · p90 · max': (one) => spread(one.functionLines),
  'functions over 40 lines': (one) => `${one.longFunctions} of ${one.functions}`,
  'parameters of a constructor: median · p90 · max': (one) => spread(one.constructorParameters),
  'constructors with 5 or more': (one) => `${one.constructorsWithManyParameters} of ${one.constructors}`,
  'constructors that take functions': (one) => `${one.constructorsWithFunctions} of ${one.constructors}`,
  'public mutable fields': (one) => String(one.publicMutableFields),
  'of them written from outside of their class': (one) => String(one.fieldsWrittenFromOutside),
  any: (one) => String(one.any),
  '! in 1,000 lines of code': (one) => String(one.nonNullPerThousand),
  'casts in 1,000 lines of code': (one) => String(one.castsPerThousand),
  'exported declarations with a doc comment': (one) =>
    `${one.exportedWithDocComment} of ${one.exportedDeclarations}`,
  'names of index.ts with a sentence': (one) => `${one.publicNamesWithSentence} of ${one.publicNames}`,
  'their members with a sentence': (one) => `${one.publicMembersWithSentence} of ${one.publicMembers}`,
};

async function readLib(root) {
  const lib = join(root, 'lib');
  const files = (await readdir(lib, { recursive: true })).filter((file) => file.endsWith('.ts')).toSorted();
  const texts = await Promise.all(
    files.map(async (file) => [file.replaceAll('\\', '/'), await readFile(join(lib, file), 'utf8')]),
  );
  return Object.fromEntries(texts);
}

async function readLibAt(ref) {
  const commit = await commitOf(ref);
  const scratch = await mkdtemp(join(tmpdir(), 'hydra-structure-'));
  try {
    await extract(commit, ['lib'], join(scratch, 'tree'));
    return await readLib(join(scratch, 'tree'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      ref: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  });
  const states = values.ref === undefined ? {} : { [values.ref]: await readLibAt(values.ref) };
  states['working tree'] = await readLib(ROOT);
  const numbers = Object.entries(states).map(([name, files]) => [name, structureOf(files)]);
  if (values.json) process.stdout.write(`${JSON.stringify(Object.fromEntries(numbers), null, 2)}\n`);
  else {
    const heading = ['lib/', ...numbers.map(([name]) => name)];
    const rows = Object.entries(ROWS).map(([row, format]) => [row, ...numbers.map(([, one]) => format(one))]);
    process.stdout.write(`${tableLines([heading, ...rows]).join('\n')}\n`);
  }
  if (!values.list) return;
  for (const [title, names] of Object.entries(namesBehind(states['working tree']))) {
    process.stderr.write(`\n${title}:\n${names.map((name) => `  ${name}\n`).join('')}`);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
