import { parseInteger } from '../protocol/numbers.js';
import type { CommandFacts } from './command-facts.js';

type KeyFinder = (argv: readonly string[]) => readonly string[];

const numbered =
  (at: number): KeyFinder =>
  (argv) =>
    argv.slice(at + 1, at + 1 + Math.max(0, parseInteger(argv[at] ?? '') ?? 0));

const withDestination: KeyFinder = (argv) => [argv[1]!, ...numbered(2)(argv)];

const streams: KeyFinder = (argv) => {
  const at = argv.findIndex((word) => word.toLowerCase() === 'streams');
  const names = at < 0 ? [] : argv.slice(at + 1);
  return names.slice(0, names.length / 2);
};

const MOVABLE: Readonly<Record<string, KeyFinder>> = {
  eval: numbered(2),
  evalsha: numbered(2),
  eval_ro: numbered(2),
  evalsha_ro: numbered(2),
  xread: streams,
  xreadgroup: streams,
  zunionstore: withDestination,
  zinterstore: withDestination,
  zdiffstore: withDestination,
  zunion: numbered(1),
  zinter: numbered(1),
  zdiff: numbered(1),
  zintercard: numbered(1),
  sintercard: numbered(1),
  lmpop: numbered(1),
  zmpop: numbered(1),
  blmpop: numbered(2),
  bzmpop: numbered(2),
};

/** The keys that a command names. */
export function keysOf(command: CommandFacts, argv: readonly string[]): readonly string[] {
  const finder = MOVABLE[command.name];
  if (finder) return finder(argv);
  if (command.firstKey === 0) return [];
  const last = command.lastKey < 0 ? argv.length + command.lastKey : command.lastKey;
  const keys: string[] = [];
  for (let at = command.firstKey; at <= last && at < argv.length; at += command.keyStep) keys.push(argv[at]!);
  return keys;
}
