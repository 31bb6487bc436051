import ts from 'typescript';

/** A block of code on a page, as TypeScript. */
export interface DocBlock {
  readonly page: string;
  /** The line of the page that its first line is. */
  readonly line: number;
  readonly text: string;
}

/** A module made of a block, and the lines of the page that its lines are. */
export interface DocModule {
  readonly text: string;
  readonly lines: readonly number[];
}

/** Every block of TypeScript on a page. */
export function blocksOf(page: string, text: string): readonly DocBlock[] {
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(({ 1: block = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length + 1,
    text: block,
  }));
}

type Kind = 'module' | 'members';

interface Part {
  readonly kind: Kind;
  readonly text: string;
  readonly line: number;
}

/** What is wrong with the syntax of a text; '' where nothing is. */
function syntaxFault(text: string): string {
  const { diagnostics = [] } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { experimentalDecorators: true, target: ts.ScriptTarget.ESNext },
  });
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')).join('; ');
}

const MEMBERS = 'class Members';
const asMembers = (text: string) => `${MEMBERS} {\n${text}\n}`;

function kindOf(text: string): Kind | undefined {
  if (syntaxFault(`async () => {\n${text}\n}`) === '' || syntaxFault(text) === '') return 'module';
  return syntaxFault(asMembers(text)) === '' ? 'members' : undefined;
}

/** A page may show members of a class without the class, and what uses them beside it, parted by empty lines. */
function partsOf({ page, line, text }: DocBlock): readonly Part[] | string {
  const parts: Part[] = [];
  let open: string[] = [];
  let from = line;
  const lines = text.trimEnd().split('\n');
  for (const [index, one] of lines.entries()) {
    open.push(one);
    const isEnd = index === lines.length - 1;
    if (!isEnd && lines[index + 1] !== '') continue;
    const part = open.join('\n');
    const kind = kindOf(part);
    if (kind) {
      parts.push({ kind, text: part, line: from });
      from = line + index + 1;
      open = [];
    } else if (isEnd) return `${page}:${from}: ${syntaxFault(part)}`;
  }
  return parts;
}

/** Names that a class declares by itself: members, and parameters of its constructor that become members. */
function ownMembers(node: ts.ClassLikeDeclaration): readonly string[] {
  return node.members.flatMap((member) => [
    ...(member.name && ts.isIdentifier(member.name) ? [member.name.text] : []),
    ...(ts.isConstructorDeclaration(member)
      ? member.parameters.filter(({ modifiers }) => modifiers).map(({ name }) => name.getText())
      : []),
  ]);
}

/** Whatever a class uses without declaring it is of `Shown`. */
function surroundings(node: ts.ClassLikeDeclaration, name: string): string {
  const own = ownMembers(node).map((member) => `'${member}'`);
  const rest = own.length > 0 ? `Omit<Shown, ${own.join(' | ')}>` : 'Shown';
  return node.heritageClauses
    ? ''
    : `${isExported(node) ? 'export ' : ''}interface ${name} extends ${rest} {}`;
}

function isExported(node: ts.Node): boolean {
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

const isDeclaration = (node: ts.Statement) =>
  ts.isImportDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  isExported(node);

interface Piece {
  readonly text: string;
  readonly line: number;
}

class Writer {
  readonly texts: string[] = [];
  readonly lines: number[] = [];

  add({ text, line }: Piece): void {
    for (const [index, one] of text.split('\n').entries()) {
      this.texts.push(one);
      this.lines.push(line + index);
    }
  }
}

/**
 * A module that compiles where what the block shows is right, or what is wrong with its syntax. What it uses and does not show is
 * imported: from a package, from another block of its page, or from `doc-names.ts`.
 *
 * @param importOf the import of a name; undefined where nothing has it
 */
export function moduleOf(
  block: DocBlock,
  importOf: (name: string) => string | undefined,
): DocModule | string {
  const parts = partsOf(block);
  if (typeof parts === 'string') return parts;
  const top: Piece[] = [];
  const body: Piece[] = [];
  const used = new Set<string>(['Shown']);
  const own = new Set<string>();
  for (const { text, line } of [...parts.filter(({ kind }) => kind === 'module'), ...membersOf(parts)]) {
    const file = ts.createSourceFile('block.ts', text, ts.ScriptTarget.ESNext, true);
    collect(file, used);
    for (const statement of file.statements) {
      const at = file.getLineAndCharacterOfPosition(statement.getStart()).line;
      const isTop = isDeclaration(statement) && !statement.getText().startsWith(MEMBERS);
      if (isTop) for (const name of namesOf(statement)) own.add(name);
      const piece = { text: statement.getText(), line: line + at };
      const list = isTop ? top : body;
      list.push(piece);
      if (ts.isClassDeclaration(statement) && statement.name)
        list.push({ text: surroundings(statement, statement.name.text), line: piece.line });
    }
  }
  const imports = [...used].filter((name) => !own.has(name)).map((name) => importOf(name) ?? '');
  const writer = new Writer();
  writer.add({ text: [...new Set(imports)].join(' '), line: block.line });
  for (const piece of top) writer.add(piece);
  writer.add({ text: 'export async function shown(this: Shown): Promise<unknown> {', line: block.line });
  for (const piece of body) writer.add(piece);
  writer.add({ text: 'return; }', line: block.line });
  return { text: writer.texts.join('\n'), lines: writer.lines };
}

/** All members that a block shows without their class are of one class. */
function membersOf(parts: readonly Part[]): readonly Part[] {
  const members = parts.filter(({ kind }) => kind === 'members');
  const [first] = members;
  if (!first) return [];
  const lines: string[] = [];
  for (const { text, line } of members) {
    while (lines.length < line - first.line) lines.push('');
    lines.push(...text.split('\n'));
  }
  return [{ kind: 'members', text: `${MEMBERS} {${lines.join('\n')}\n}`, line: first.line }];
}

/** Names that others can import from a block, and those that its imports would hide. */
export function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isImportDeclaration(statement)) {
    const { name, namedBindings } = statement.importClause ?? {};
    const bound = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : [];
    return [...(name ? [name.text] : []), ...bound.map((element) => element.name.text)];
  }
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
  return name ? [name.text] : [];
}

/** What other blocks of a page can import from this one. */
export function exportsOf({ text }: DocBlock): readonly string[] {
  const file = ts.createSourceFile('block.ts', text, ts.ScriptTarget.ESNext, true);
  return file.statements.filter((one) => isExported(one)).flatMap((one) => namesOf(one));
}

/** Which names a text uses. */
function collect(node: ts.Node, used: Set<string>): void {
  if (ts.isIdentifier(node) && !isLabel(node)) used.add(node.text);
  ts.forEachChild(node, (child) => collect(child, used));
}

/** A name of a member, which refers to nothing. */
function isLabel(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) {
    return node === (ts.isQualifiedName(parent) ? parent.right : parent.name);
  }
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodDeclaration(parent)) &&
    parent.name === node
  );
}
