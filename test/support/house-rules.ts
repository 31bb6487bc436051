import { posix } from 'node:path';
import ts from 'typescript';

import { constructorsOf, mutableFieldsOf, readProgram, spreadOf } from '../../tools/structure-numbers.mjs';
import type { SourceFiles } from './floors.js';
import type { Leftovers } from './leftovers.js';

const MAX_PARAMETERS = 4;
const MAX_P90_PARAMETERS = 3;
const MAX_MUTABLE_FIELDS = 10;
const MAX_FILES_IN_FOLDER = 20;
const KEBAB_CASE = /^[a-z\d]+(?:-[a-z\d]+)*\.ts$/;

/** Constructors with too many parameters; each class with what it takes. */
export function wideConstructors(files: SourceFiles): Leftovers {
  const wide = constructorsOf(readProgram(files)).filter(({ parameters }) => parameters > MAX_PARAMETERS);
  return Object.fromEntries(wide.map(({ name, parameters }) => [name.replace(/^.*: /, ''), parameters]));
}

/** Numbers of the whole library that are above their limit. */
export function numbersAboveLimit(files: SourceFiles): Leftovers {
  const program = readProgram(files);
  const [, p90] = spreadOf(constructorsOf(program).map(({ parameters }) => parameters));
  const fields = mutableFieldsOf(program);
  const numbers: Readonly<Record<string, readonly [value: number, limit: number]>> = {
    'parameters of nine constructors in ten': [p90, MAX_P90_PARAMETERS],
    'public mutable fields': [fields.length, MAX_MUTABLE_FIELDS],
  };
  const above = Object.entries(numbers).filter(([, [value, limit]]) => value > limit);
  return Object.fromEntries(above.map(([name, [value]]) => [name, value]));
}

/** Files whose name is not in kebab case, or that export one class and bear another name. */
export function misnamedFiles(files: SourceFiles): Leftovers {
  const misnamed = Object.keys(files).filter((file) => !isWellNamed(file, files[file]!));
  return Object.fromEntries(misnamed.map((file) => [file, 1]));
}

function isWellNamed(file: string, text: string): boolean {
  const name = posix.basename(file);
  if (!KEBAB_CASE.test(name)) return false;
  const classes = exportedClasses(text);
  return classes.length !== 1 || `${kebabOf(classes[0]!)}.ts` === name;
}

function exportedClasses(text: string): string[] {
  const source = ts.createSourceFile('a.ts', text, ts.ScriptTarget.ES2023);
  return source.statements
    .filter((node) => ts.isClassDeclaration(node))
    .filter(({ modifiers }) => modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
    .map(({ name }) => name?.text ?? '');
}

const kebabOf = (name: string) => name.replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, '-').toLowerCase();

/** Where this machine may be asked for its time and its randomness. */
const ASKS_THE_MACHINE = /^(?:runtime|testing|cli)\//;
const TIMERS = new Set([
  ...['setTimeout', 'setInterval', 'setImmediate'],
  // RxJS waits by the machine's timers, unless it is told otherwise.
  ...[
    'auditTime',
    'bufferTime',
    'debounceTime',
    'delay',
    'interval',
    'sampleTime',
    'throttleTime',
    'timer',
    'timeout',
  ],
]);
const READINGS = new Set(['Date.now', 'performance.now', 'Math.random', 'crypto.randomUUID']);

/** The files that ask for time or randomness past the clock and the random source of their instance, and how often. */
export function machineTime(files: SourceFiles): Leftovers {
  const counts: Record<string, number> = {};
  for (const [file, text] of Object.entries(files)) {
    if (ASKS_THE_MACHINE.test(file)) continue;
    const visit = (node: ts.Node): void => {
      if (asksTheMachine(node)) counts[file] = (counts[file] ?? 0) + 1;
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  }
  return counts;
}

function asksTheMachine(node: ts.Node): boolean {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) return TIMERS.has(node.expression.text);
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return READINGS.has(`${node.expression.text}.${node.name.text}`);
  }
  return (
    ts.isNewExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'Date' &&
    !node.arguments?.length
  );
}

/** Folders of lib/ that an eye cannot sort, with how many files are directly in them. */
export function crowdedFolders(files: SourceFiles): Leftovers {
  const counts = new Map<string, number>();
  for (const file of Object.keys(files)) {
    const folder = posix.join('lib', posix.dirname(file));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].filter(([, count]) => count > MAX_FILES_IN_FOLDER));
}

/** Words with a better one, or with a meaning only here; of text in which names are split into their words. */
const BANNED_WORDS: Readonly<Record<string, RegExp>> = {
  turn: /(?<!\bin )\bturns?\b(?! (?:on|off|into|out|to|down)\b)/g,
  lane: /\blanes?\b/g,
  'line up': /\b(?:line|lines|lined|lining) up\b/g,
  'in hand': /\bin hand\b/g,
  parked: /\bpark(?:s|ed|ing)?\b/g,
  doorbell: /\bdoorbells?\b|\brings?\b/g,
  bury: /\b(?:bury|buries|buried|burying)\b/g,
  stray: /\bstrays?\b/g,
  homeless: /\bhomeless\b/g,
  office: /\boffices?\b/g,
  trouble: /\btroubles?\b/g,
  'rare log': /\brare log\b/g,
  stranger: /\bstrangers?\b/g,
  untold: /\b(?:untold|unsaid)\b/g,
  'is none': /(?<!\bthere )\bis none\b/g,
  'asked after': /\basked after\b/g,
  'goes before': /\bgoes before\b/g,
  'does no harm': /\bdoes no harm\b/g,
  'goes on': /\bgoes on\b/g,
  'for good': /\bfor good\b/g,
  'carried out': /\bcarried out\b/g,
  'makes nothing of': /\b(?:made|makes?) nothing of\b/g,
  'lets in': /\blets? (?:us|it|one) in\b/g,
  'broke off': /\bbroke off\b/g,
  'finished off': /\bfinished off\b/g,
  'alone among': /\balone among\b/g,
  lest: /\blest\b/g,
  'who asks again': /\bwho asks again\b/g,
  'lies beneath': /\blies beneath\b/g,
  'begins anew': /\b(?:begin|begins|began) anew\b/g,
  'goes elsewhere': /\bgo(?:es)? elsewhere\b/g,
  'what is beyond': /\bwhat is beyond\b/g,
  'what is more waits': /\bwhat is more waits\b/g,
  'gave up on': /\bg[ia]ven? up on\b/g,
  unasked: /\bunasked\b/g,
  'as it makes them': /\bas (?:it makes|they make) them\b/g,
  'too far ahead': /\btoo far ahead\b/g,
};
/** Names as they are written. */
const BANNED_NAMES: Readonly<Record<string, RegExp>> = {
  Hands: /\bHands\b/g,
  'safely()': /\bsafely\(/g,
  'MOST_, LEAST_': /\b(?:MOST|LEAST)_[A-Z]/g,
  PATIENCE_MS: /\bPATIENCE_MS\b/g,
  STREAM_OVERFLOW: /\bSTREAM_OVERFLOW\b/g,
  ConfigAudit: /\bConfigAudit\b/g,
};
/** Only in lib/: a test may keep a ledger. */
const BANNED_IN_LIB: Readonly<Record<string, RegExp>> = { ledger: /\bledgers?\b/g };

/** Banned words of each area, counted. @param texts path from the root to text */
export function bannedWords(texts: SourceFiles): Leftovers {
  const counts: Record<string, number> = {};
  for (const [path, text] of Object.entries(texts)) {
    const words = { ...BANNED_WORDS, ...(path.startsWith('lib/') && BANNED_IN_LIB) };
    const found = { ...countAll(words, inWords(text)), ...countAll(BANNED_NAMES, text) };
    for (const [word, count] of Object.entries(found)) {
      const place = `${areaOf(path)}: ${word}`;
      counts[place] = (counts[place] ?? 0) + count;
    }
  }
  return counts;
}

function countAll(patterns: Readonly<Record<string, RegExp>>, text: string): Leftovers {
  const counts = Object.entries(patterns).map(
    ([word, pattern]) => [word, text.match(pattern)?.length ?? 0] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** `whenParked`, `PARKED_MS` and a line break are no hiding place. */
const inWords = (text: string) =>
  text
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, ' ')
    .replaceAll(/[\s_*/.-]+/g, ' ')
    .toLowerCase();

/** `lib/queue/worker/a.ts` → `lib/queue`; a file at the top or directly in docs/ is an area of its own. */
function areaOf(path: string): string {
  const folders = posix.dirname(path).split('/').slice(0, 2).join('/');
  return folders === '.' || folders === 'docs' ? path : folders;
}
