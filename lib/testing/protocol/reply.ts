/**
 * What a command answers with, before it is written. Text is kept as Redis keeps it, as bytes: each character of a string
 * is one byte (Latin-1), so that any input survives and order and length are those of bytes.
 */
export type Reply =
  | null
  | number
  | string
  | Status
  | CommandError
  | MapReply
  | SetReply
  | DoubleReply
  | VerbatimReply
  | PushReply
  | typeof NULL_ARRAY
  | typeof NO_REPLY
  | readonly Reply[];

/** `+OK` and the like. */
export class Status {
  constructor(readonly text: string) {}
}

/** What Redis refuses, in its words: the code comes first. */
export class CommandError extends Error {
  /** Where a script failed, as Redis adds it to the text. */
  constructor(readonly text: string) {
    super(text);
  }
}

/** Pairs: an array alternating in RESP2, a map in RESP3. */
export class MapReply {
  constructor(readonly pairs: readonly (readonly [Reply, Reply])[]) {}
}

export class SetReply {
  constructor(readonly members: readonly string[]) {}
}

/** A number with fractions: a string in RESP2. */
export class DoubleReply {
  constructor(readonly value: number) {}
}

/** Text for people, as INFO gives it. */
export class VerbatimReply {
  constructor(readonly text: string) {}
}

/** A message outside the order of questions and answers. */
export class PushReply {
  constructor(readonly items: readonly Reply[]) {}
}

/** RESP2 has two ways to say that there is nothing. */
export const NULL_ARRAY = Symbol('null array');

/** The command has written its answer itself, or will do so later. */
export const NO_REPLY = Symbol('no reply');

export const OK = new Status('OK');
export const QUEUED = new Status('QUEUED');

export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';

export function wrongArity(command: string): CommandError {
  return new CommandError(`ERR wrong number of arguments for '${command}' command`);
}

export function syntaxError(): CommandError {
  return new CommandError('ERR syntax error');
}
