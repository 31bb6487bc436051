import { Observable, Subscriber, Subscription, type TeardownLogic } from 'rxjs';

import { callUserCode } from '../runtime/user-code.js';

const WHAT = "the teardown of a handler's Observable";

/** Subscribes a handler's own Observable. */
class HandlerSubscriber extends Subscriber<unknown> {
  constructor(
    destination: Subscriber<unknown>,
    private readonly failed: (error: unknown) => unknown,
  ) {
    super(destination);
  }

  override add(teardown: TeardownLogic): void {
    super.add(guarded(teardown));
  }

  override error(error?: unknown): void {
    const told = this.closed ? error : this.failed(error);
    callUserCode(WHAT, () => super.error(told));
  }

  override complete(): void {
    callUserCode(WHAT, () => super.complete());
  }

  override unsubscribe(): void {
    callUserCode(WHAT, () => super.unsubscribe());
  }
}

/**
 * Operators between the handler and us, Nest's own among them, end by themselves when their source does, before we hear of
 * it. One whose source throws then forgets to end: so each teardown is caught where it runs.
 */
function guarded(teardown: TeardownLogic): TeardownLogic {
  if (typeof teardown === 'function') return () => callUserCode(WHAT, teardown);
  if (!(teardown instanceof Subscription)) return teardown;
  const [add, unsubscribe] = [teardown.add.bind(teardown), teardown.unsubscribe.bind(teardown)];
  teardown.add = (inner) => add(guarded(inner));
  teardown.unsubscribe = () => callUserCode(WHAT, unsubscribe);
  return teardown;
}

/**
 * A handler's Observable, whose teardown may throw: rxjs would throw that where the handler's timer or socket completes it,
 * where nobody can catch it.
 *
 * @param failed is told of its error, and gives the one that others are told
 */
export function handlerObservable(
  source: Observable<unknown>,
  failed: (error: unknown) => unknown = (error) => error,
): Observable<unknown> {
  return new Observable((subscriber) => source.subscribe(new HandlerSubscriber(subscriber, failed)));
}
