import { Logger } from '@nestjs/common';
import { Observable, Subscriber, type Observer, type Operator, type Subscription } from 'rxjs';

type Subscribing<T> = Partial<Observer<T>> | ((value: T) => void) | null;

/**
 * An Observable whose errors a subscriber may ignore. If a subscriber has no error handler, also behind operators, the
 * error is logged. rxjs would throw it from a timer, which would end the process.
 */
export class IgnorableObservable<T> extends Observable<T> {
  private readonly what: string;

  /** @param what it emits, for the log */
  constructor(what: string, subscribe?: (subscriber: Subscriber<T>) => () => void) {
    super(subscribe);
    this.what = what;
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new IgnorableObservable<R>(this.what);
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }

  override subscribe(
    given?: Subscribing<T>,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    const observer = typeof given === 'function' ? { next: given } : (given ?? {});
    // An operator subscribes with a Subscriber, whose end is looked at where the last one subscribes.
    if (error || observer instanceof Subscriber || observer.error) {
      return super.subscribe(given as never, error, complete);
    }
    return super.subscribe({
      next: (value) => observer.next?.(value),
      error: (reason) => this.logIgnored(reason),
      complete: () => (observer.complete ? observer.complete() : complete?.()),
    });
  }

  private logIgnored(reason: unknown): void {
    const text = reason instanceof Error ? reason.message : String(reason);
    new Logger('Hydra').warn(`${this.what} ended, and its subscriber has no error handler: ${text}`);
  }
}
