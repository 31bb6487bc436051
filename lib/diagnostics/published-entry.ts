import { entryPublished, entryPublishing } from './channels.js';
import { publishEnd, update, type Stopwatch } from './ending.js';
import type { EntryPublishedDiagnostic } from './events.js';

/** Tells observers that an entry is about to be encoded; undefined where there are none. */
export function publishing(
  entry: Pick<EntryPublishedDiagnostic, 'instanceId' | 'stream' | 'type' | 'data'>,
  headers: Readonly<Record<string, string>> | undefined,
): EntryPublishedDiagnostic | undefined {
  if (!entryPublishing.hasSubscribers && !entryPublished.hasSubscribers) return undefined;
  const event: EntryPublishedDiagnostic = {
    ...entry,
    id: undefined,
    headers: { ...headers },
    payloadBytes: undefined,
    durationMs: undefined,
    error: undefined,
  };
  entryPublishing.publish(event);
  return event;
}

/** Publishes it, and tells observers how that ended. */
export async function published(
  event: EntryPublishedDiagnostic,
  publish: () => Promise<string>,
  { clock, fields }: { readonly clock: Stopwatch; readonly fields: readonly string[] },
): Promise<string> {
  const payloadBytes = fields.reduce((sum, field) => sum + Buffer.byteLength(field), 0);
  update<EntryPublishedDiagnostic>(event, { payloadBytes });
  const startedAt = clock.monotonic();
  try {
    const id = await publish();
    update<EntryPublishedDiagnostic>(event, { id });
    publishEnd(entryPublished, event, clock.monotonic() - startedAt);
    return id;
  } catch (error) {
    publishEnd(entryPublished, event, clock.monotonic() - startedAt, error);
    throw error;
  }
}
