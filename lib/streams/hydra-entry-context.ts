import { DeliveryContext } from '../delivery/delivery-context.js';
import { createMessage, type UmfMessage } from '../protocol/message.js';
import { publishedFields } from '../protocol/stream-entry.js';

/** The entry a context speaks of. */
export interface ReceivedEntry {
  readonly id: string;
  readonly stream: string;
  readonly group: string;
  readonly type: string | undefined;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly fields: readonly string[];
  readonly attempt: number;
}

/**
 * What a handler can know of an entry: `@Ctx() context: HydraEntryContext`.
 *
 * @publicApi
 */
export class HydraEntryContext extends DeliveryContext {
  /** The entry's id in the stream, `<milliseconds>-<sequence>`. */
  get id(): string {
    return this.entry.id;
  }

  /** The stream's name. */
  get stream(): string {
    return this.entry.stream;
  }

  /** The group that this handler belongs to. */
  get group(): string {
    return this.entry.group;
  }

  /** What it was published as; undefined when that was not said. */
  get type(): string | undefined {
    return this.entry.type;
  }

  /** 1 for the first. More than 1 means: it failed, or whoever had it may have handled some or all of it and died. */
  get attempt(): number {
    return this.entry.attempt;
  }

  /** When Redis stored it, by Redis' clock; for an id made by its publisher, what that id says. */
  get publishedAt(): Date {
    return new Date(Number.parseInt(this.entry.id, 10));
  }

  /** Every field as it was published, names and values. */
  get fields(): Readonly<Record<string, string>> {
    const fields = publishedFields(this.entry.fields);
    return Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]!]] : [])));
  }

  /** The stream's name. */
  getPattern(): string {
    return this.entry.stream;
  }

  /** The headers it was published with. */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return this.entry.metadata;
  }

  /** The entry as UMF, for a handler of calls that is given entries as well. */
  getMessage(): UmfMessage {
    const { id, group, type, stream, data, metadata } = this.entry;
    return createMessage(
      { to: `${group}:/`, from: '', type: type ?? stream, body: data, headers: metadata },
      { mid: id, timestamp: this.publishedAt.toISOString() },
    );
  }

  /** A stream does not say who wrote to it. */
  getSender(): undefined {
    return undefined;
  }

  private get entry(): ReceivedEntry {
    return this.getArgByIndex(0) as ReceivedEntry;
  }
}

/**
 * What the handler of a batch can know: `@Ctx() batch: HydraBatchContext`.
 *
 * @publicApi
 */
export class HydraBatchContext extends DeliveryContext {
  private readonly failures = new Map<number, unknown>();

  /** One context an item, in the order of the items. */
  get entries(): readonly HydraEntryContext[] {
    return this.getArgByIndex(0) as readonly HydraEntryContext[];
  }

  /** Says that one item failed, for this reason: it alone is tried again. A handler that throws fails them all. */
  fail(index: number, reason: unknown): void {
    if (!this.entries[index])
      throw new RangeError(`the batch has ${this.entries.length} items, none at ${index}`);
    this.failures.set(index, reason);
  }

  /** The stream's name. */
  getPattern(): string {
    return this.entries[0]!.getPattern();
  }

  /** A batch has no headers; each of its entries has its own. */
  getMetadata(): undefined {
    return undefined;
  }

  /** @internal */
  override abort(reason: unknown): void {
    super.abort(reason);
    for (const entry of this.entries) entry.abort(reason);
  }

  /** @internal One item belongs to another consumer. */
  lose(index: number, reason: unknown): void {
    this.entries[index]!.abort(reason);
    if (this.entries.every(({ isAborted }) => isAborted)) super.abort(reason);
  }

  /** @internal What one item came to: undefined when it did well. */
  failureOf(index: number): { readonly reason: unknown } | undefined {
    return this.failures.has(index) ? { reason: this.failures.get(index) } : undefined;
  }
}
