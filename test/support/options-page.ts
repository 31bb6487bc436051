import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';

const ROOT = new URL('../../', import.meta.url);
const FILES = [
  'lib/hydra-options.ts',
  ...readdirSync(new URL('lib/options', ROOT)).map((name) => `lib/options/${name}`),
];

const HEAD = `# All options of forRoot

\`\`\`ts
HydraModule.forRoot({ service: 'math', timeoutMs: 5_000, presence: { intervalMs: 500 } });
HydraModule.forRootAsync({ inject: [ConfigService], useFactory: (config: ConfigService) => ({ service: 'math', redis: config.get<string>('REDIS') ?? '' }) });
\`\`\`

Only \`service\` is required. This page is made from the types, and a test compares them: \`HYDRA_UPDATE_PAGES=1 npm test -- test/unit/options-doc.spec.ts\`
writes it again. An unknown name and a value that is not allowed are refused at the start, with \`BAD_OPTION\`. Durations are in milliseconds, sizes
in bytes.
`;

interface Row {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly byDefault: string;
  readonly meaning: string;
  /** The interface of options that its value is made of. */
  readonly group: string | undefined;
  /** Whether its value is such an object itself, and not a list or a record of them. */
  readonly isGroup: boolean;
}

/** The interfaces and types of options, by name. */
interface Declared {
  readonly interfaces: ReadonlyMap<string, ts.InterfaceDeclaration>;
  readonly types: ReadonlyMap<string, string>;
}

/** A type that is written out is no longer than this. */
const MAX_TYPE = 120;

function declared(): Declared {
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  const types = new Map<string, string>();
  for (const path of FILES) {
    const text = readFileSync(new URL(path, ROOT), 'utf8');
    for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true).statements) {
      if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);
      if (ts.isTypeAliasDeclaration(statement))
        types.set(statement.name.text, oneLine(statement.type.getText()));
    }
  }
  return { interfaces, types };
}

function oneLine(text: string): string {
  return text
    .replaceAll(/\{@link (?:[\w.]+ ?\| ?)?([\w.]+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const cell = (text: string) => text.replaceAll('|', String.raw`\|`);

/** Its own members, and those that it has from others. */
function membersOf(name: string, all: Declared): readonly ts.PropertySignature[] {
  const found = all.interfaces.get(name)!;
  const inherited = (found.heritageClauses ?? []).flatMap(({ types }) =>
    types.flatMap(({ expression, typeArguments = [] }) => {
      const isOmit = expression.getText() === 'Omit';
      const from = isOmit ? typeArguments[0]!.getText() : expression.getText();
      const left = isOmit ? typeArguments[1]!.getText() : '';
      return membersOf(from, all).filter((member) => !left.includes(`'${member.name.getText()}'`));
    }),
  );
  return [...inherited, ...found.members.filter(ts.isPropertySignature)];
}

/** The interface of options that a type is made of. */
function groupOf(type: string, all: Declared): string | undefined {
  const names = type.match(/\b[A-Z]\w+/g) ?? [];
  return names.find((name) => all.interfaces.has(name) && membersOf(name, all).length > 0);
}

function rowOf(member: ts.PropertySignature, all: Declared): Row {
  const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
  const tag = doc?.tags?.find(({ tagName }) => tagName.text === 'defaultValue');
  const given = oneLine(member.type!.getText());
  const written = all.types.get(given) ?? given;
  const group = groupOf(given, all);
  return {
    name: member.name.getText(),
    type: written.length <= MAX_TYPE ? written : given,
    isRequired: member.questionToken === undefined,
    byDefault: oneLine(ts.getTextOfJSDocComment(tag?.comment) ?? ''),
    meaning: oneLine(ts.getTextOfJSDocComment(doc?.comment) ?? ''),
    group,
    isGroup: group === given,
  };
}

const line = (path: string, { name, type, isRequired, byDefault, meaning }: Row) =>
  `| \`${path}${name}\` | \`${cell(type)}\` | ${cell(isRequired ? 'required' : byDefault)} | ${cell(meaning)} |`;

const TABLE = '\n| option | type | default | meaning |\n| --- | --- | --- | --- |\n';

function section(path: string, name: string, all: Declared): string {
  const rows = membersOf(name, all).map((member) => rowOf(member, all));
  const lines = rows.filter(({ isGroup }) => !isGroup).map((row) => line(path, row));
  const table = lines.length > 0 ? `${TABLE}${lines.join('\n')}\n` : '';
  const below = rows.filter(({ group }) => group !== undefined);
  return `${table}${below.map((row) => subsection(path, row, all)).join('')}`;
}

function subsection(path: string, { name, meaning, group, isGroup }: Row, all: Declared): string {
  const own = `${path}${name}${isGroup ? '' : '.*'}`;
  return `\n## \`${own}\`\n\n${isGroup ? meaning : `Each of \`${path}${name}\`.`}\n${section(`${own}.`, group!, all)}`;
}

/** The page of all options, before prettier. */
export function optionsPage(): string {
  return `${HEAD}${section('', 'HydraOptions', declared())}`;
}
