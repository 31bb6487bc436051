import { httpEnd, httpRetry, httpStart } from '../diagnostics/channels.js';
import { publishEnd, update } from '../diagnostics/ending.js';
import type { HttpRequestDiagnostic } from '../diagnostics/events.js';
import type { Instance } from '../hydra-options.js';
import type { Context } from '../redis/context.js';

/** Counts one request, and tells observers about it if there are any. */
export class ObservedRequest {
  private readonly event: HttpRequestDiagnostic | undefined;
  private readonly startedAt: number;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'metrics'>,
    private readonly about: Pick<HttpRequestDiagnostic, 'service' | 'method' | 'path'>,
  ) {
    const isHeard = httpStart.hasSubscribers || httpRetry.hasSubscribers || httpEnd.hasSubscribers;
    this.event = isHeard ? newEvent(about) : undefined;
    this.startedAt = context.clock.monotonic();
    if (this.event) httpStart.publish(this.event);
  }

  /** The headers with those that observers have added. */
  headersWith(given: RequestInit['headers']): Headers {
    const headers = new Headers(given);
    for (const [name, value] of Object.entries(this.event?.headers ?? {})) headers.set(name, value);
    return headers;
  }

  sentTo({ id: targetId, host, port }: Instance): void {
    const { event } = this;
    if (!event) return;
    const attempts = event.attempts + 1;
    update<HttpRequestDiagnostic>(event, { targetId, address: `${host}:${port}`, attempts });
    if (attempts > 1 && httpRetry.hasSubscribers) httpRetry.publish(event);
  }

  answered(status: number): void {
    if (this.event) update<HttpRequestDiagnostic>(this.event, { status });
    this.end();
  }

  failed(error: unknown): void {
    this.end(error);
  }

  private end(error?: unknown): void {
    const { clock, metrics } = this.context;
    const tookMs = clock.monotonic() - this.startedAt;
    metrics?.clientRequests.of(this.about.service, this.about.method).ended(tookMs, error);
    if (this.event) publishEnd(httpEnd, this.event, tookMs, error);
  }
}

function newEvent(about: Pick<HttpRequestDiagnostic, 'service' | 'method' | 'path'>): HttpRequestDiagnostic {
  return {
    ...about,
    headers: {},
    attempts: 0,
    targetId: undefined,
    address: undefined,
    status: undefined,
    durationMs: undefined,
    error: undefined,
  };
}
