import { parseBigInteger } from '../protocol/numbers.js';
import { CommandError } from '../protocol/reply.js';

/** An id of a stream's entry. Milliseconds are exact as numbers; what counts entries of one millisecond as well. */
export interface StreamId {
  readonly ms: bigint;
  readonly seq: bigint;
}

export const MAX_PART = 2n ** 64n - 1n;
export const MIN_ID: StreamId = { ms: 0n, seq: 0n };
export const MAX_ID: StreamId = { ms: MAX_PART, seq: MAX_PART };
const FORM = /^(\d{1,20})(?:-(\d{1,20}))?$/;

export function compareIds(a: StreamId, b: StreamId): number {
  if (a.ms !== b.ms) return a.ms < b.ms ? -1 : 1;
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1;
  return 0;
}

export function formatId({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`;
}

/** @throws CommandError as Redis does */
export function parseId(text: string, missingSeq = 0n): StreamId {
  const parts = FORM.exec(text);
  const ms = parts ? BigInt(parts[1]!) : -1n;
  const seq = parts?.[2] === undefined ? missingSeq : BigInt(parts[2]);
  if (ms < 0n || ms > MAX_PART || seq > MAX_PART) throw invalidId();
  return { ms, seq };
}

export function invalidId(): CommandError {
  return new CommandError('ERR Invalid stream ID specified as stream command argument');
}

export function nextId({ ms, seq }: StreamId): StreamId | undefined {
  if (seq < MAX_PART) return { ms, seq: seq + 1n };
  return ms < MAX_PART ? { ms: ms + 1n, seq: 0n } : undefined;
}

export function previousId({ ms, seq }: StreamId): StreamId | undefined {
  if (seq > 0n) return { ms, seq: seq - 1n };
  return ms > 0n ? { ms: ms - 1n, seq: MAX_PART } : undefined;
}

/** `5-*`: the count of the entries of that millisecond is left to Redis. */
export function parsePartialId(text: string): bigint | undefined {
  if (!text.endsWith('-*')) return undefined;
  const ms = parseBigInteger(text.slice(0, -2));
  if (ms === undefined || ms < 0n) throw invalidId();
  return ms;
}
