import { Observable, Subscriber } from 'rxjs';

import { callUserCode } from '../runtime/user-code.js';

/** Hears a handler's own Observable. */
class HandlerSubscriber extends Subscriber<unknown> {
  constructor(
    destination: Subscriber<unknown>,
    private readonly failed: (error: unknown) => void,
  ) {
    super(destination);
  }

  override error(error?: unknown): void {
    if (!this.closed) this.failed(error);
    callUserCode(WHAT, () => super.error(error));
  }

  override complete(): void {
    callUserCode(WHAT, () => super.complete());
  }

  override unsubscribe(): void {
    callUserCode(WHAT, () => super.unsubscribe());
  }
}

const WHAT = "the teardown of a handler's Observable";

/**
 * A handler's Observable, whose teardown may throw: rxjs would throw that where the handler's timer or socket completes it,
 * where nobody can catch it.
 */
export function handlerStream(
  source: Observable<unknown>,
  failed: (error: unknown) => void,
): Observable<unknown> {
  return new Observable((subscriber) => source.subscribe(new HandlerSubscriber(subscriber, failed)));
}
