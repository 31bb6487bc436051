import { enableDeadlinePropagation, remainingMs } from '../delivery/deadline-context.js';
import { HydraError } from '../hydra-error.js';
import {
  badOption,
  refuseUnknown,
  serviceName,
  type Balancer,
  type Instance,
  type NamesOf,
} from '../hydra-options.js';
import { decodeAddress } from '../protocol/address.js';
import { createBalancer } from '../registry/discovery/balancer.js';
import type { Context } from '../redis/context.js';
import type { DiscoveryService } from '../registry/discovery/discovery-service.js';
import { abortAfter } from '../runtime/waiting.js';
import { encodeBody, type EncodedBody, type HttpBody } from './body.js';
import { failureOf, isRefused } from './http-failure.js';
import { HttpLoads } from './http-loads.js';
import { ObservedRequest } from './observed-request.js';

/**
 * Options of one request.
 *
 * @publicApi
 */
export interface HydraHttpOptions {
  /** Text, bytes, a form, a stream; any other value is sent as JSON. */
  readonly body?: HttpBody;
  /** Headers to send, as `fetch` takes them. */
  readonly headers?: RequestInit['headers'];
  /** How long everything may take, every attempt and the answer's body included, in milliseconds. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /** Ends the request early. */
  readonly signal?: AbortSignal;
  /** Whether it may be executed twice: it is then retried elsewhere when an instance closes the connection. @defaultValue true, but false for POST and PATCH */
  readonly idempotent?: boolean;
}

const REQUEST_NAMES = {
  body: true,
  headers: true,
  timeoutMs: true,
  signal: true,
  idempotent: true,
} satisfies NamesOf<HydraHttpOptions>;

const NOT_IDEMPOTENT = ['POST', 'PATCH'];

/**
 * HTTP to a service by its name, balanced over its live instances.
 *
 * ```ts
 * const answer = await http.request('orders:[get]/v1/orders/7?full=1');
 * const order = await answer.json();
 * ```
 *
 * The address is Hydra's: `service:[verb]/path`, or `instance@service:[verb]/path` for one instance. The answer is what
 * `fetch` gives, whatever its status and content type, as a stream.
 *
 * @publicApi
 */
export class HydraHttpClient {
  private readonly balancer: Balancer;
  private readonly loads: HttpLoads;

  constructor(
    private readonly context: Pick<Context, 'options' | 'clock' | 'random' | 'metrics'>,
    private readonly discovery: DiscoveryService,
  ) {
    this.balancer = createBalancer(context.options.balancer, context.random);
    this.loads = new HttpLoads(context.clock);
  }

  /**
   * Makes one request. If an instance refuses the connection, another one is tried. If an instance closes the
   * connection during the request, another one is tried only if the request is idempotent. An HTTP status is an answer,
   * never a reason to try again.
   *
   * @throws HydraError `BAD_OPTION` for an address without service, verb or path, a `timeoutMs` that is no number above 0,
   *   and what `fetch` refuses to send: a GET with a body, an invalid header; `NO_INSTANCE` when no live instance
   *   advertises an HTTP port, or none accepted the connection; `INSTANCE_LOST` when it closed the connection during the request; `TIMEOUT`; `CANCELLED`
   *   when `signal` aborted
   */
  async request(address: string, options: HydraHttpOptions = {}): Promise<Response> {
    // Not in the constructor: every process of the module has this client, and handlers pay for it only where it is used.
    enableDeadlinePropagation();
    refuseUnknown('a request', options, REQUEST_NAMES);
    const { service, instance, verb, path } = parse(address);
    const body = encodeBody(options.body);
    mustBeSendable(address, verb, path, body, options);
    const deadline = this.deadlineOf(options);
    const observed = new ObservedRequest(this.context, { service, method: verb, path });
    const request = { address, service, instance, verb, path, body, options, deadline, observed };
    try {
      const answer = await this.firstAnswer(request);
      observed.answered(answer.status);
      return answer;
    } catch (error) {
      observed.failed(error);
      // An answer is still read by then.
      deadline.cancel();
      throw error;
    }
  }

  private async firstAnswer(request: HttpRequest): Promise<Response> {
    const { address, verb, body, options, deadline } = request;
    const mayRepeat = options.idempotent ?? !NOT_IDEMPOTENT.includes(verb);
    const tried = new Set<string>();
    let failure: HydraError | undefined;
    await this.known(request.service, deadline);
    for (;;) {
      const chosen = this.choose(request, tried);
      if (!chosen) throw failure ?? noInstance(request);
      tried.add(chosen.id);
      try {
        return await this.attempt(chosen, request);
      } catch (error) {
        if (deadline.signal.aborted) throw deadline.error(address).begun();
        const latest = failureOf(error, chosen, address);
        // One attempt that may have been executed is enough.
        failure = failure?.mayHaveRun ? latest.begun() : latest;
        if (!body.isReplayable || !(isRefused(error) || mayRepeat)) throw failure;
      }
    }
  }

  private async attempt(instance: Instance, request: HttpRequest): Promise<Response> {
    const { verb, path, options, deadline, observed } = request;
    const { body, contentType, isReplayable } = request.body;
    const sent = observed.headersWith(options.headers);
    if (contentType && !sent.has('content-type')) sent.set('content-type', contentType);
    const host = instance.host.includes(':') ? `[${instance.host}]` : instance.host;
    const done = this.loads.begin(instance);
    observed.sentTo(instance);
    try {
      return await fetch(`http://${host}:${instance.port}${path}`, {
        method: verb,
        headers: sent,
        signal: deadline.signal,
        // A redirect contains an address outside the registry, so the caller must follow it.
        redirect: 'manual',
        ...(body !== undefined && { body }),
        ...(!isReplayable && { duplex: 'half' }),
      });
    } finally {
      done();
    }
  }

  private choose(
    { service, instance: id, address }: HttpRequest,
    tried: ReadonlySet<string>,
  ): Instance | undefined {
    const instances = this.discovery
      .instances(service)
      .filter(
        (instance) => instance.port > 0 && !tried.has(instance.id) && (id ?? instance.id) === instance.id,
      );
    return instances.length < 2 ? instances[0] : this.balancer(instances, this.loads.view(address));
  }

  /** A service asked for the first time has to be read once. */
  private async known(service: string, { signal, error }: Deadline): Promise<void> {
    // A signal that is already aborted emits no event.
    if (signal.aborted) throw error(service);
    if (this.discovery.has(service)) return;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(error(service)), { once: true });
    });
    await Promise.race([this.discovery.current(service), aborted]);
  }

  private deadlineOf({ timeoutMs = this.context.options.timeoutMs, signal }: HydraHttpOptions): Deadline {
    if (!(typeof timeoutMs === 'number' && timeoutMs > 0)) {
      throw badOption('timeoutMs of a request', timeoutMs, 'a number > 0');
    }
    const ms = Math.max(0, Math.min(timeoutMs, remainingMs()));
    const timeout = abortAfter(this.context.clock, Math.ceil(ms));
    return {
      signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
      cancel: timeout.cancel,
      error: (address) =>
        signal?.aborted
          ? new HydraError('CANCELLED', `the request "${address}" was aborted`, {
              cause: signal.reason,
              ...unsent,
            })
          : new HydraError('TIMEOUT', `no answer to "${address}" within timeoutMs=${timeoutMs}`, unsent),
    };
  }
}

/** No instance was tried yet. */
const unsent = { mayHaveRun: false };

interface HttpRequest {
  readonly address: string;
  readonly service: string;
  /** The id of the only instance that may get the request. */
  readonly instance: string | undefined;
  readonly verb: string;
  readonly path: string;
  readonly body: EncodedBody;
  readonly options: HydraHttpOptions;
  readonly deadline: Deadline;
  readonly observed: ObservedRequest;
}

interface Deadline {
  readonly signal: AbortSignal;
  /** Stops the clock, once nothing waits for it any more. */
  readonly cancel: () => void;
  /** The error when no attempt was made. */
  readonly error: (address: string) => HydraError;
}

function parse(text: string): { service: string; instance: string | undefined; verb: string; path: string } {
  const address = decodeAddress(text);
  if (!address?.verb || !address.path.startsWith('/')) {
    throw new HydraError('BAD_OPTION', `address must be like "orders:[get]/v1/orders", got "${text}"`);
  }
  const { instance, verb, path } = address;
  return { service: serviceName(address.service, 'address'), instance, verb: verb.toUpperCase(), path };
}

/** A request that `fetch` would refuse is a mistake of the caller: no instance is tried or counted as failed. */
function mustBeSendable(
  address: string,
  method: string,
  path: string,
  { body }: EncodedBody,
  { headers }: HydraHttpOptions,
): void {
  try {
    // Only whether there is a body matters here, and a stream must stay unread.
    void new Request(`http://localhost${path}`, {
      method,
      ...(headers !== undefined && { headers }),
      ...(body !== undefined && { body: '' }),
    });
  } catch (cause) {
    throw new HydraError('BAD_OPTION', `the request "${address}" cannot be sent: ${String(cause)}`, {
      cause,
    });
  }
}

function noInstance({ service, instance, address }: HttpRequest): HydraError {
  const who = instance === undefined ? `no live instance of "${service}"` : `no live instance ${instance}`;
  return new HydraError('NO_INSTANCE', `${who} that listens for HTTP, to take "${address}"`);
}
