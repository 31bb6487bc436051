/**
 * Where a message goes or comes from, in its parts.
 *
 * On the wire: `[instance[-subId]@]service:[[verb]]path`, for example `1fd0…a2@math:[get]/v1/sum`.
 */
export interface Address {
  /** Service name, as written: neither lower-cased nor checked, and empty for `:/` (as in hydra 1.9.3). */
  readonly service: string;
  /** Instance id, 32 hex characters by convention. Absent: any instance of the service. */
  readonly instance?: string;
  /** What hydra-router calls a client id: one websocket behind a router instance. */
  readonly subId?: string;
  /** HTTP method, lower case. */
  readonly verb?: string;
  /** Everything after the service and the verb, query string and colons included; `/` for the service itself. */
  readonly path: string;
}

/**
 * Reads an address as hydra 1.9.3's `parseRoute` does, its `http` rule included: a first piece that starts with
 * `http` is taken for a URL and swallows the piece after it, so `httpbin:/x` names the service `httpbin:/x`.
 *
 * Returns undefined where hydra reports an error (no colon, a verb that is never closed) and for anything but a string.
 */
export function decodeAddress(text: unknown): Address | undefined {
  if (typeof text !== 'string') return undefined;
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;

  const head = text.slice(0, colon);
  const at = head.indexOf('@');
  const serviceStart = at + 1;
  const serviceEnd = head.startsWith('http', serviceStart) ? endOfUrl(text, colon) : colon;

  const route = decodeRoute(text.slice(serviceEnd + 1));
  if (route === undefined) return undefined;
  return {
    service: text.slice(serviceStart, serviceEnd),
    ...(at < 0 ? undefined : decodeInstance(head.slice(0, at))),
    ...route,
  };
}

/** The inverse of {@link decodeAddress}. The instance id must not contain `-`, `@` or `:`. */
export function encodeAddress(address: Address): string {
  const { service, instance = '', subId = '', verb = '', path } = address;
  const sender = subId ? `${instance}-${subId}` : instance;
  // Without the bare "@" a service that contains one would be read as an instance of its second half.
  const prefix = sender || service.includes('@') ? `${sender}@` : '';
  return `${prefix}${service}:${verb ? `[${verb}]` : ''}${path}`;
}

/** Longer ones would be kept and told about like any other, wherever they come from. */
const LONGEST_NAME = 200;

/**
 * Says why a service name cannot be used, or returns undefined for a good one.
 *
 * Hydra 1.9.3 itself refuses only `:` and the space. The rest is refused because it breaks look-ups there: `@` and a
 * leading `http` in addresses, glob characters in SCAN patterns, and the name `service`, whose presence pattern
 * matches every service.
 */
export function serviceNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > LONGEST_NAME) return `it has more than ${LONGEST_NAME} characters`;
  const bad = /[@:*?[\]\\\s]/.exec(name)?.[0];
  if (bad !== undefined) return `it contains ${JSON.stringify(bad)}`;
  const lower = name.toLowerCase();
  if (lower.startsWith('http')) return 'it starts with "http", which addresses take for a URL';
  if (lower === 'service') return '"service" would match every service in a Hydra 1.x look-up';
  return undefined;
}

/** The second colon, or the end of the text when there is none. */
function endOfUrl(text: string, firstColon: number): number {
  const second = text.indexOf(':', firstColon + 1);
  return second < 0 ? text.length : second;
}

function decodeInstance(text: string): Pick<Address, 'instance' | 'subId'> {
  const [instance, subId] = text.split('-', 2);
  return { ...(instance ? { instance } : undefined), ...(subId ? { subId } : undefined) };
}

function decodeRoute(text: string): Pick<Address, 'verb' | 'path'> | undefined {
  if (!text.startsWith('[')) return { path: text };
  const end = text.indexOf(']');
  if (end < 0) return undefined;
  const verb = text.slice(1, end).toLowerCase();
  return verb ? { verb, path: text.slice(verb.length + 2) } : { path: text };
}
