import { defer, from, isObservable, throwError, type Observable } from 'rxjs';
import { catchError } from 'rxjs/operators';

import { toWireError } from '../../transport/incoming/to-wire-error.js';

/** What answers in the place of a handler: a value, a promise or an Observable; what it throws, its caller gets. @publicApi */
export type StubFunction = (data: never, context: unknown) => unknown;

/**
 * What stands in for the handlers of one pattern.
 *
 * @publicApi
 */
export class Stub {
  /** What each of its runs was given, in order. */
  readonly calls: unknown[] = [];
  readonly #answer: StubFunction;
  readonly #remove: () => void;

  /** @internal */
  constructor(answer: StubFunction, remove: () => void) {
    this.#answer = answer;
    this.#remove = remove;
  }

  /** The handlers themselves run again; of a service that the test does not have, nothing answers any more. */
  restore(): void {
    this.#remove();
  }

  /** @internal */
  run(data: unknown, context: unknown, isCall: boolean): Observable<unknown> {
    this.calls.push(data);
    return defer(() => {
      const given = this.#answer(data as never, context);
      return isObservable(given) ? given : from(Promise.resolve(given));
    }).pipe(catchError((error: unknown) => throwError(() => (isCall ? toWireError(error) : error))));
  }
}

/** The stubs of one test, by service and pattern. */
export class Stubs {
  private readonly byPlace = new Map<string, Stub>();

  set(service: string, pattern: string, answer: StubFunction): Stub {
    const place = placeOf(service, pattern);
    const stub = new Stub(answer, () => {
      if (this.byPlace.get(place) === stub) this.byPlace.delete(place);
    });
    this.byPlace.set(place, stub);
    return stub;
  }

  find(service: string, pattern: string): Stub | undefined {
    return this.byPlace.get(placeOf(service, pattern));
  }
}

function placeOf(service: string, pattern: string): string {
  return `${service.toLowerCase()} ${pattern}`;
}
