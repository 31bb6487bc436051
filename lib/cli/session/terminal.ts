import { createInterface } from 'node:readline/promises';

import type { ConfigDifference } from '../../config/documents/difference.js';
import { CommandFailure, ExitCode } from './command-failure.js';

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(jsonText(value, 2));
}

/** JSON that cannot control a terminal: JSON itself does not escape U+007F to U+009F. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? 'null';
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u007F-\u009F]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}

/** Text that is not output for scripts: questions, notes, errors. */
export function note(text: string): void {
  process.stderr.write(`${text.split(COLOUR).map(printable).join('')}\n`);
}

/** Coloured where a person reads; NO_COLOR disables the colours. */
export function paint(text: string, colour: keyof typeof COLOURS, stream: NodeJS.WriteStream): string {
  if (!stream.isTTY || process.env['NO_COLOR']) return text;
  return `\u001B[${COLOURS[colour]}m${text}\u001B[0m`;
}

type Cell = string | number | undefined;

const GAP = '  ';
/** A column that is cut keeps at least this many characters. */
const NARROWEST = 8;

/** Columns as wide as their widest cell; at a terminal, no wider together than the terminal. */
export function printTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): void {
  for (const [index, line] of tableLines(headings, rows, terminalWidth()).entries()) {
    print(index === 0 ? paint(line, 'dim', process.stdout) : line);
  }
}

/** A program that reads the output has no width, unless it says so as terminals do. */
function terminalWidth(): number {
  return process.stdout.columns ?? (Number(process.env['COLUMNS']) || Infinity);
}

/** The lines of a table: first that of the headings. The widest columns are cut, with an ellipsis, until it fits. */
export function tableLines(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  maxWidth: number,
): string[] {
  const texts = [headings, ...rows].map((row) => row.map((cell) => plain(String(cell ?? ''))));
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)));
  const gaps = GAP.length * (headings.length - 1);
  const total = () => widths.reduce((sum, width) => sum + width, gaps);
  while (total() > maxWidth && Math.max(...widths) > NARROWEST) {
    // Of several equally wide columns the last one, because the most important ones come first.
    const widest = widths.lastIndexOf(Math.max(...widths));
    const rest = Math.max(NARROWEST, ...widths.filter((_, column) => column !== widest));
    widths[widest] = Math.max(Math.min(rest, widths[widest]! - 1), widths[widest]! - (total() - maxWidth));
  }
  return texts.map((row) =>
    row
      .map((cell, column) => fit(cell, widths[column]!))
      .join(GAP)
      .trimEnd(),
  );
}

function fit(cell: string, width: number): string {
  return cell.length <= width ? cell.padEnd(width) : `${cell.slice(0, width - 1)}…`;
}

/** One line a value that changes: `~ limits.daily  5 → 6`. */
export function differenceLines(changes: readonly ConfigDifference[], stream: NodeJS.WriteStream): string[] {
  const width = Math.min(40, Math.max(0, ...changes.map(({ path }) => path.length)));
  return changes.map(({ kind, path, before, after }) => {
    const place = plain(path).padEnd(width);
    if (kind === 'added') return paint(`  + ${place}  ${show(after)}`, 'green', stream);
    if (kind === 'removed') return paint(`  - ${place}  ${show(before)}`, 'red', stream);
    return paint(`  ~ ${place}  ${show(before)} → ${show(after)}`, 'yellow', stream);
  });
}

/** True when the person says yes; `isGranted` answers for them. */
export async function confirm(question: string, isGranted: boolean): Promise<boolean> {
  if (isGranted) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CommandFailure(ExitCode.usage, 'not at a terminal: say --yes to confirm');
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
  } catch {
    // Ctrl-C or Ctrl-D, in the middle of the line.
    note('');
    return false;
  } finally {
    reader.close();
  }
}

// oxlint-disable-next-line no-control-regex
const COLOUR = /(\u001B\[\d+m)/;

/** A note may have the library's colours and several lines. Everything else that would control the terminal is removed. */
function printable(text: string): string {
  return COLOUR.test(text) ? text : text.split('\n').map(plain).join('\n');
}

/** Stored text of others must not control the terminal. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001F\u007F-\u009F]/g, '?');
}

function show(value: unknown): string {
  return plain(jsonText(value));
}
