import { DeliveryContext } from '../delivery/delivery-context.js';
import { createMessage, type UmfMessage } from '../protocol/message.js';
import { publishedFields } from '../protocol/stream-entry.js';

/** The entry that a context belongs to. */
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
 * What a handler can read about its entry: `@Ctx() context: HydraEntryContext`.
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

  /** The type that it was published with; undefined without one. */
  get type(): string | undefined {
    return this.entry.type;
  }

  /**
   * The number of this attempt: 1 for the first. More than 1 means that an earlier attempt failed, or that an instance
   * died and may have handled the entry or a part of it.
   */
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

  /** The entry as UMF, for a handler that gets calls and entries. */
  getMessage(): UmfMessage {
    const { id, group, type, stream, data, metadata } = this.entry;
    return createMessage(
      { to: `${group}:/`, from: '', type: type ?? stream, body: data, headers: metadata },
      { mid: id, timestamp: this.publishedAt.toISOString() },
    );
  }

  /** A stream does not contain the sender. */
  getSender(): undefined {
    return undefined;
  }

  private get entry(): ReceivedEntry {
    return this.getArgByIndex(0) as ReceivedEntry;
  }
}

/**
 * What a handler can read about its batch: `@Ctx() batch: HydraBatchContext`.
 *
 * @publicApi
 */
export class HydraBatchContext extends DeliveryContext {
  private readonly failures = new Map<number, unknown>();

  /** The context of each entry, in their order. */
  get entries(): readonly HydraEntryContext[] {
    return this.getArgByIndex(0) as readonly HydraEntryContext[];
  }

  /**
   * Says that one entry failed, for this reason. Only the failed entries are tried again. A handler that throws fails
   * all of them.
   */
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
