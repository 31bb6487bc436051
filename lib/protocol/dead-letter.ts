import { packedFields, type EntryFields } from './stream-entry.js';

/** The content of a dead letter of a stream. */
export interface DeadLetterContent {
  /** The entry's id in its stream. */
  readonly entryId: string;
  readonly reason: string;
  readonly attempts: number;
  /** The entry's own fields. */
  readonly fields: EntryFields;
}

const HEAD = ['hydra-id', 'hydra-reason', 'hydra-attempts'] as const;
const MAX_REASON = 1_000;

/** The fields of a dead letter: three of ours, then those of the entry as they were. */
export function encodeDeadLetter({ entryId, reason, attempts, fields }: DeadLetterContent): string[] {
  const values = [entryId, reason.slice(0, MAX_REASON), String(attempts)];
  return [...HEAD.flatMap((name, index) => [name, values[index]!]), ...packedFields(fields)];
}

/** Never throws; undefined for what is not a dead letter. */
export function decodeDeadLetter(fields: EntryFields): DeadLetterContent | undefined {
  if (!HEAD.every((name, index) => fields[index * 2] === name)) return undefined;
  const [entryId, reason, attempts] = HEAD.map((_, index) => fields[index * 2 + 1] ?? '');
  return {
    entryId: entryId!,
    reason: reason!,
    attempts: Number(attempts) || 0,
    fields: fields.slice(HEAD.length * 2),
  };
}
