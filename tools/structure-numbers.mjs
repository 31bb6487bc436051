/** What the syntax tree of lib/ says about its structure: sizes, ties between classes, escapes from types, documentation. */
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';

const LONG_FUNCTION_LINES = 40;
const MANY_PARAMETERS = 5;
/** Where the files stand for the compiler; nothing is read from there. */
const HOME = '/lib/';
const OPTIONS = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  experimentalDecorators: true,
  types: [],
};

/**
 * Reads source files into a program that answers questions about types. What comes from packages is unknown to it, which
 * is `any`: the numbers are about what lib/ itself declares.
 *
 * @param {Readonly<Record<string, string>>} files path under lib/ to text
 */
export function readProgram(files) {
  const libraries = dirname(ts.getDefaultLibFilePath(OPTIONS));
  const textOf = (path) =>
    path.startsWith(HOME) ? files[path.slice(HOME.length)] : libraryText(path, libraries);
  const host = {
    fileExists: (path) => textOf(path) !== undefined,
    readFile: textOf,
    getSourceFile(path, options) {
      const text = textOf(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, options, true);
    },
    getDefaultLibFileName: () => join(libraries, 'lib.es2023.d.ts'),
    getDefaultLibLocation: () => libraries,
    writeFile: () => undefined,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  };
  const roots = Object.keys(files).map((file) => `${HOME}${file}`);
  const program = ts.createProgram(roots, OPTIONS, host);
  return { checker: program.getTypeChecker(), sources: roots.map((root) => program.getSourceFile(root)) };
}

const libraryText = (path, libraries) => (path.startsWith(libraries) ? ts.sys.readFile(path) : undefined);

/** All numbers of one state of the library. */
export function structureOf(files) {
  const program = readProgram(files);
  const constructors = constructorsOf(program);
  const fields = mutableFieldsOf(program);
  const arities = constructors.map(({ parameters }) => parameters);
  return {
    ...sizesOf(program, files),
    constructors: constructors.length,
    constructorParameters: spreadOf(arities),
    constructorsWithManyParameters: arities.filter((count) => count >= MANY_PARAMETERS).length,
    constructorsWithFunctions: constructors.filter(({ functions }) => functions > 0).length,
    publicMutableFields: fields.length,
    fieldsWrittenFromOutside: fields.filter(({ writers }) => writers.length > 0).length,
    ...escapesOf(program),
    ...documentationOf(program),
  };
}

function sizesOf({ sources }, files) {
  const lengths = Object.values(files).map((text) => text.trimEnd().split('\n').length);
  const functions = sources.flatMap((source) => functionLengths(source));
  return {
    files: lengths.length,
    lines: lengths.reduce((total, count) => total + count, 0),
    fileLines: spreadOf(lengths),
    functions: functions.length,
    functionLines: spreadOf(functions),
    longFunctions: functions.filter((length) => length > LONG_FUNCTION_LINES).length,
  };
}

/** Functions and methods with a body in braces: an arrow to an expression is a value, and constructors are counted apart. */
function functionLengths(source) {
  const lengths = [];
  walk(source, (node) => {
    const isCounted = ts.isFunctionLike(node) && !ts.isConstructorDeclaration(node) && !ts.isAccessor(node);
    if (isCounted && node.body && ts.isBlock(node.body)) lengths.push(lineCount(node, source));
  });
  return lengths;
}

function lineCount(node, source) {
  const lineAt = (position) => source.getLineAndCharacterOfPosition(position).line;
  return lineAt(node.end) - lineAt(node.getStart(source)) + 1;
}

/** Every constructor with a body: its class, and how many parameters and functions among them it takes. */
export function constructorsOf({ sources, checker }) {
  const found = [];
  for (const source of sources) {
    walk(source, (node) => {
      if (!ts.isConstructorDeclaration(node) || !node.body) return;
      const functions = node.parameters.filter((parameter) => isFunction(parameter, checker)).length;
      const name = `${pathOf(source)}: ${node.parent.name?.text ?? 'class'}`;
      found.push({ name, parameters: node.parameters.length, functions });
    });
  }
  return found;
}

function isFunction(parameter, checker) {
  const type = checker.getNonNullableType(checker.getTypeAtLocation(parameter));
  return type.getCallSignatures().length > 0;
}

/**
 * Every field of a class that is neither readonly nor private or protected, with the places outside of the class that
 * write to it.
 */
export function mutableFieldsOf({ sources, checker }) {
  const fields = new Map();
  for (const source of sources) {
    walk(source, (node) => {
      if (isMutableField(node)) {
        const name = `${pathOf(source)}: ${classOf(node)?.name?.text ?? 'class'}.${node.name.getText(source)}`;
        fields.set(node, { name, writers: [] });
      }
    });
  }
  for (const source of sources) {
    walk(source, (node) => {
      const target = writtenBy(node);
      if (!target || !ts.isPropertyAccessExpression(target)) return;
      const field = checker.getSymbolAtLocation(target.name)?.valueDeclaration;
      if (!fields.has(field) || classOf(target) === classOf(field)) return;
      const { line } = source.getLineAndCharacterOfPosition(target.getStart(source));
      fields.get(field).writers.push(`${pathOf(source)}:${line + 1}`);
    });
  }
  return [...fields.values()];
}

const CLOSED = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword, ts.SyntaxKind.ReadonlyKeyword];

function isMutableField(node) {
  const isField = ts.isPropertyDeclaration(node) || ts.isParameterPropertyDeclaration(node, node.parent);
  if (!isField || ts.isPrivateIdentifier(node.name)) return false;
  return !node.modifiers?.some(({ kind }) => CLOSED.includes(kind));
}

const classOf = (node) => ts.findAncestor(node, ts.isClassLike);

/** What an assignment of any kind, `++` or `delete` changes. */
function writtenBy(node) {
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return node.left;
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { operator } = node;
    const isStep = operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken;
    return isStep ? node.operand : undefined;
  }
  return ts.isDeleteExpression(node) ? node.expression : undefined;
}

const isAssignment = (kind) => kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;

/** `any`, `!` and casts, the last two for 1,000 lines of code. */
function escapesOf({ sources }) {
  const counts = { any: 0, nonNull: 0, casts: 0 };
  let codeLines = 0;
  for (const source of sources) {
    const lines = new Set();
    walk(source, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) counts.any++;
      if (ts.isNonNullExpression(node)) counts.nonNull++;
      if (isCast(node)) counts.casts++;
    });
    addTokenLines(source, source, lines);
    codeLines += lines.size;
  }
  const perThousand = (count) => Number(((count / codeLines) * 1_000).toFixed(1));
  return {
    codeLines,
    any: counts.any,
    nonNullPerThousand: perThousand(counts.nonNull),
    castsPerThousand: perThousand(counts.casts),
  };
}

const isCast = (node) =>
  ts.isTypeAssertionExpression(node) || (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type));

/** Adds the lines on which a token stands; comments and blank lines have none. */
function addTokenLines(node, source, lines) {
  if (ts.isJSDoc(node)) return;
  const children = node.getChildren(source);
  for (const child of children) addTokenLines(child, source, lines);
  const start = node.getStart(source);
  if (children.length > 0 || node.end === start) return;
  const [from, to] = [start, node.end].map((at) => source.getLineAndCharacterOfPosition(at).line);
  for (let line = from; line <= to; line++) lines.add(line);
}

function documentationOf({ sources, checker }) {
  const exported = sources.flatMap((source) => source.statements.filter((node) => isExported(node)));
  const names = publicNames(sources, checker);
  const members = names.flatMap(({ declarations }) => declarations.flatMap((node) => publicMembers(node)));
  return {
    exportedDeclarations: exported.length,
    exportedWithDocComment: exported.filter((node) => docsOf(node).length > 0).length,
    publicNames: names.length,
    publicNamesWithSentence: names.filter((one) => isSaid(one)).length,
    publicMembers: members.length,
    publicMembersWithSentence: members.filter((node) => hasSentence(node)).length,
  };
}

const isExported = (node) =>
  !ts.isExportDeclaration(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** What leaves index.ts, each with its declarations in lib/. */
function publicNames(sources, checker) {
  const barrel = sources.find((source) => pathOf(source) === 'index.ts');
  const symbol = barrel && checker.getSymbolAtLocation(barrel);
  const symbols = symbol ? checker.getExportsOfModule(symbol) : [];
  return symbols.map((one) => {
    const target = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
    return { name: one.name, declarations: target.declarations ?? [] };
  });
}

const HIDDEN = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];

/** Of a class or an interface: what a user can name. Constructors of classes that Nest makes have no user. */
function publicMembers(node) {
  const members =
    ts.isClassLike(node) || ts.isInterfaceDeclaration(node) ? node.members : literalMembers(node);
  return members.filter((member) => {
    if (!member.name || ts.isPrivateIdentifier(member.name)) return false;
    const isInternal = ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
    return !isInternal && !member.modifiers?.some(({ kind }) => HIDDEN.includes(kind));
  });
}

const literalMembers = (node) =>
  ts.isTypeAliasDeclaration(node) && ts.isTypeLiteralNode(node.type) ? node.type.members : [];

const docsOf = (node) => ts.getJSDocCommentsAndTags(node).filter((doc) => ts.isJSDoc(doc));

const hasSentence = (node) =>
  docsOf(node).some((doc) => (ts.getTextOfJSDocComment(doc.comment) ?? '').trim() !== '');

/** The names that some of the numbers count. */
export function namesBehind(files) {
  const program = readProgram(files);
  const constructors = constructorsOf(program);
  const names = publicNames(program.sources, program.checker);
  const members = names.flatMap(({ declarations }) => declarations.flatMap((node) => publicMembers(node)));
  return {
    'constructors with 5 or more parameters': constructors
      .filter(({ parameters }) => parameters >= MANY_PARAMETERS)
      .map(({ name, parameters }) => `${name} (${parameters})`),
    'constructors that take functions': constructors
      .filter(({ functions }) => functions > 0)
      .map(({ name }) => name),
    'public mutable fields, and who writes them from outside': mutableFieldsOf(program).map(
      ({ name, writers }) => `${name} ${writers.join(' ')}`.trim(),
    ),
    'names of index.ts without a sentence': names.filter((one) => !isSaid(one)).map(({ name }) => name),
    'members without a sentence': members
      .filter((node) => !hasSentence(node))
      .map((node) => memberName(node)),
  };
}

const isSaid = ({ declarations }) => declarations.some((node) => hasSentence(node));

const memberName = (node) => `${node.parent.name?.text ?? 'type'}.${node.name.getText()}`;

/** @returns {[median: number, p90: number, max: number]} */
export function spreadOf(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return [at(0.5), at(0.9), at(1)];
}

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const pathOf = (source) => posix.relative(HOME, source.fileName);
