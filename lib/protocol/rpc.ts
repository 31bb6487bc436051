import type { InstanceCapabilities } from './records.js';

/**
 * Calls between two instances of ours.
 *
 * A frame is one PUBLISH: what leaves in one event-loop tick for one channel. It is a JSON array, so that a Hydra 1.x process,
 * whose messages are objects, cannot take it for one:
 *
 * `["h2", from, seq, [inFlight, latencyMs], item, item, …]`
 *
 * `from` is the sender's address, `<id>@<service>:/`. `seq` rises by one with each frame that the sender sends on that
 * channel of the receiver, so that a lost one is noticed; it is 0 on the channel of a whole service. The pair is the sender's
 * load. An item is an array that starts with its kind. Call ids are whole numbers that rise, one series a sender.
 */
export const Kind = {
  /**
   * `[0, id, pattern, data, timeoutMs, metadata?, hasBytes?, share?]`: answer within timeoutMs of receiving this, and send no
   * more than `share` bytes of that without a grant, `REPLY_SHARE` if it is left out.
   */
  call: 0,
  /** `[1, id, pattern, data, metadata?, hasBytes?]`: handle, no answer. */
  event: 1,
  /** `[2, id, n, value, hasBytes, sent?]`: a value of the answer, after n others; more follows. `sent` as for `ask`, with it. */
  value: 2,
  /** `[3, id, n]` or `[3, id, n, value, hasBytes?]`: the answer is complete, with this last value after n others. */
  complete: 3,
  /** `[4, id, error, n?]`: the handler had begun, and failed with this after n values; without n at once. */
  error: 4,
  /** `[5, id, error]`: no handler began, and none will. */
  refusal: 5,
  /** `[6, id]`: the caller does not wait any more. */
  cancel: 6,
  /** `[7, [id, …]]`: are these calls of mine in progress? */
  probe: 7,
  /**
   * `[8, [running], [finished], [unknown], [[id, n], …]?]`: the answer to a probe. A call that it names unknown is refused
   * if it arrives later. Of a running call, the first n values are not under way any more: one of them that has not arrived
   * is lost. Others may be sent again.
   */
  probed: 8,
  /** `[9, id, total]`: the answer may continue until it has sent that many bytes, counted from its beginning. */
  grant: 9,
  /** `[10, id, total]`: the answer waits to be granted that much. Bytes are those of its items, `sent` left out. */
  ask: 10,
} as const;

/** The default share: the bytes of an answer that need no grant. */
export const REPLY_SHARE = 32_768;
/** The smallest share of an answer. The end of an answer of at most this many bytes never needs a grant. */
export const SMALL_REPLY = 1_024;

/** The version of this library's extensions to the Hydra 1.x wire, as in the record of an instance. */
export const WIRE = 2;

/** Whether an instance is sent frames; one of Hydra 1.x, or with an older wire, is sent UMF. */
export function readsFrames({ capabilities }: { readonly capabilities?: InstanceCapabilities }): boolean {
  return capabilities !== undefined && capabilities.wireVersion >= WIRE;
}

export type Item = readonly [kind: number, ...fields: unknown[]];
export type Load = readonly [inFlight: number, latencyMs: number];

export interface Frame {
  readonly from: string;
  readonly seq: number;
  readonly load: Load;
  readonly items: readonly Item[];
}

const MARK = 'h2';

/** Items are texts already: each was encoded, and its size checked, when it was accepted. */
export function encodeFrame(
  from: string,
  seq: number,
  [inFlight, latencyMs]: Load,
  items: readonly string[],
): string {
  return `["${MARK}",${JSON.stringify(from)},${seq},[${inFlight},${latencyMs}],${items.join(',')}]`;
}

/** Whether a text on a channel is a frame rather than a message. */
export function isFrame(wire: string): boolean {
  return wire.startsWith(`["${MARK}",`);
}

/** Never throws; undefined for anything but a frame. Items that are not arrays of a kind are dropped. */
export function decodeFrame(wire: string): Frame | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(wire);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || parsed[0] !== MARK || typeof parsed[1] !== 'string') return undefined;
  const [, from, seq, load, ...items] = parsed as [string, string, unknown, unknown, ...unknown[]];
  return {
    from,
    seq: isSequence(seq) ? seq : 0,
    load: decodeLoad(load),
    items: items.every(isItem) ? items : items.filter(isItem),
  };
}

export function encodeItem(...item: Item): string {
  return JSON.stringify(item);
}

function isItem(value: unknown): value is Item {
  return Array.isArray(value) && typeof value[0] === 'number';
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function decodeLoad(value: unknown): Load {
  if (!Array.isArray(value)) return [0, 0];
  const [inFlight, latencyMs] = value as unknown[];
  return [finite(inFlight), finite(latencyMs)];
}

function finite(value: unknown): number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : 0;
}
