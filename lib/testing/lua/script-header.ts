import { CommandError } from '../protocol/reply.js';

const FLAGS = ['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys'];

/** What a script says of itself in its first line, `#!lua flags=no-writes`. */
export interface ScriptHeader {
  /** Whether it has such a line; one without is judged command by command. */
  readonly isThere: boolean;
  readonly isReadOnly: boolean;
  readonly allowsOom: boolean;
  /** How many characters it has. */
  readonly length: number;
}

const NONE: ScriptHeader = { isThere: false, isReadOnly: false, allowsOom: false, length: 0 };

/** @throws CommandError where its first line is one, and not as Redis wants it */
export function readHeader(source: string): ScriptHeader {
  if (!source.startsWith('#!')) return NONE;
  const length = source.indexOf('\n');
  if (length < 0) throw new CommandError('ERR Invalid script shebang');
  const [engine, ...options] = source.slice(0, length).split(/\s+/);
  if (engine !== '#!lua') throw new CommandError(`ERR Unexpected engine in script shebang: ${engine}`);
  const flags = options.filter((option) => option !== '').flatMap(flagsOf);
  return {
    isThere: true,
    isReadOnly: flags.includes('no-writes'),
    allowsOom: flags.includes('allow-oom') || flags.includes('no-writes'),
    length,
  };
}

function flagsOf(option: string): readonly string[] {
  if (!option.startsWith('flags=')) throw new CommandError(`ERR Unknown lua shebang option: ${option}`);
  const flags = option.slice('flags='.length).split(',');
  const unknown = flags.find((flag) => !FLAGS.includes(flag));
  if (unknown !== undefined) throw new CommandError(`ERR Unexpected flag in script shebang: ${unknown}`);
  return flags;
}
