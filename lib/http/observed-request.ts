import { httpEnd, httpRetry, httpStart } from '../diagnostics/channels.js';
import { publishEnd, update } from '../diagnostics/ending.js';
import type { HttpRequestDiagnostic } from '../diagnostics/events.js';
import type { Instance } from '../hydra-options.js';
import type { Clock } from '../runtime/clock.js';

/** Tells observers of one request. What is asked of it where nobody listens costs nothing. */
export class ObservedRequest {
  private readonly event: HttpRequestDiagnostic | undefined;
  private readonly startedAt: number;

  constructor(
    private readonly clock: Clock,
    { service, method, path }: Pick<HttpRequestDiagnostic, 'service' | 'method' | 'path'>,
  ) {
    const isHeard = httpStart.hasSubscribers || httpRetry.hasSubscribers || httpEnd.hasSubscribers;
    this.event = isHeard ? newEvent({ service, method, path }) : undefined;
    this.startedAt = isHeard ? clock.monotonic() : 0;
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
    if (!this.event) return;
    update<HttpRequestDiagnostic>(this.event, { status });
    this.end(this.event);
  }

  failed(error: unknown): void {
    if (this.event) this.end(this.event, error);
  }

  private end(event: HttpRequestDiagnostic, error?: unknown): void {
    publishEnd(httpEnd, event, this.clock.monotonic() - this.startedAt, error);
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
