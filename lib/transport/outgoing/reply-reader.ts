import type { UmfMessage } from '../../protocol/message.js';
import { Kind, type Item } from '../../protocol/rpc.js';
import { begun } from '../wire/begun-error.js';
import type { CallTable } from '../wire/call-table.js';
import type { ItemHandlers } from '../wire/messenger.js';
import { decodeValue, errorOf, replyOf } from '../wire/packet.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import type { OutgoingCall } from './outgoing-call.js';
import type { ReplyWindow } from './reply-window.js';

/** More parts of one answer do not wait for values that belong in front of them. */
const MAX_EARLY = 65_536;

/** Acts on what an instance answers. */
export interface ReplyListener {
  /** It answered, with this last value. */
  completed(call: OutgoingCall, value: unknown): void;
  /** Its handler began, and failed. */
  handlerFailed(call: OutgoingCall, error: unknown): void;
  /** Its handler did not begin. */
  refused(call: OutgoingCall, error: unknown): void;
  /** Values are missing in front of what arrived. They may still come. */
  lacksValues(call: OutgoingCall): void;
  /** A part of the answer is missing and will not come, so the rest is useless. */
  brokenOff(call: OutgoingCall): void;
}

/** Matches the answers of all instances, Hydra 1.x included, with the calls that wait for them. */
export class ReplyReader {
  private readonly byMessageId = new Map<string, OutgoingCall>();

  /**
   * For each kind of item: the method that handles it. An answer is ignored if it is late, repeated, or from an
   * instance that the call has left.
   */
  readonly handlers: ItemHandlers = {
    [Kind.value]: (from, item) => this.onPart(from, item),
    [Kind.complete]: (from, item) => this.onPart(from, item),
    [Kind.error]: (from, item) => this.onError(from, item),
    [Kind.refusal]: (from, item) => {
      const call = this.find(from, item);
      if (call) this.listener.refused(call, errorOf(item[2]));
    },
    [Kind.ask]: (from, item) => {
      const credit = this.find(from, item)?.credit;
      if (credit && isBytes(item[2])) this.window.ask(credit, item[2]);
    },
  };

  constructor(
    private readonly calls: CallTable<OutgoingCall>,
    private readonly window: ReplyWindow<OutgoingCall>,
    private readonly listener: ReplyListener,
  ) {}

  /** The call went to a Hydra 1.x instance, which answers by this id. */
  expect(messageId: string, call: OutgoingCall): void {
    this.byMessageId.set(messageId, call);
  }

  forget(messageId: string): void {
    this.byMessageId.delete(messageId);
  }

  /** An answer of a Hydra 1.x instance, or one in its format. True when a call waits for it. */
  onMessage(message: UmfMessage): boolean {
    const call = message.rmid === undefined ? undefined : this.byMessageId.get(message.rmid);
    if (!call) return false;
    const { value, error } = replyOf(message);
    if (error !== undefined) this.listener.handlerFailed(call, error);
    else this.listener.completed(call, value);
    return true;
  }

  private find(from: RemoteInstance, item: Item): OutgoingCall | undefined {
    const call = this.calls.get(item[1]);
    return call?.instance?.id === from.id ? call : undefined;
  }

  /** A value, or the end, each after n values. */
  private onPart(from: RemoteInstance, item: Item): void {
    const call = this.find(from, item);
    if (!call) return;
    const before = item[2];
    if (before !== call.received) return this.onUnordered(call, before, item);
    this.take(call, item);
    if (!call.lacksValues) return;
    for (let next = call.takeEarly(); next; next = call.takeEarly()) this.take(call, next);
  }

  /** `[4, id, error, n?]` */
  private onError(from: RemoteInstance, item: Item): void {
    const call = this.find(from, item);
    if (!call) return;
    const before = item[3];
    if (isCount(before) && before > call.received) this.onUnordered(call, before, item);
    else this.takeError(call, item);
  }

  /** A value that came already was sent again, since its first way was in doubt. */
  private onUnordered(call: OutgoingCall, before: unknown, item: Item): void {
    const isRepeated = item[0] === Kind.value && isCount(before) && before < call.received;
    if (isRepeated) return;
    if (!isCount(before) || before < call.received) return this.listener.brokenOff(call);
    if (call.keepEarly(before, item) > MAX_EARLY) return this.listener.brokenOff(call);
    this.listener.lacksValues(call);
  }

  private take(call: OutgoingCall, item: Item): void {
    if (item[0] === Kind.value) this.takeValue(call, item);
    else if (item[0] === Kind.error) this.takeError(call, item);
    else this.takeEnd(call, item);
  }

  /** `[2, id, n, value, hasBytes, sent?]` */
  private takeValue(call: OutgoingCall, [, , , value, hasBytes, sent]: Item): void {
    const { credit } = call;
    call.countValue();
    const taking = call.respond({ response: decodeValue(value, hasBytes) });
    if (!credit || !isBytes(sent)) return;
    // Bytes become free only when the subscriber has taken the value, and not while a deserializer still works on it.
    if (taking instanceof Promise) void taking.then(() => this.window.take(credit, sent));
    else this.window.take(credit, sent);
  }

  /** `[3, id, n]` or `[3, id, n, value, hasBytes?]` */
  private takeEnd(call: OutgoingCall, [, , , value, hasBytes]: Item): void {
    this.listener.completed(call, decodeValue(value, hasBytes));
  }

  private takeError(call: OutgoingCall, [, , error]: Item): void {
    this.listener.handlerFailed(call, begun(errorOf(error)));
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
