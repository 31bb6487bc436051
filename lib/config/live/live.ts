import type { Observable } from 'rxjs';

/** The content of a {@link Live} at one moment. */
export interface LiveState<T> {
  readonly value: T;
  readonly version: string;
  readonly revision: number;
}

/**
 * A configuration that changes while the process runs. `value` is always the last valid one; read it where it is used,
 * do not keep it.
 *
 * @publicApi
 */
export class Live<T> {
  /** Each new value from now on. A change of another part of the document does not emit the same value again. */
  readonly changes$: Observable<T>;

  constructor(
    private readonly state: () => LiveState<T>,
    changes$: Observable<T>,
  ) {
    this.changes$ = changes$;
  }

  /** Frozen, as deep as it is made of plain objects and lists. */
  get value(): T {
    return this.state().value;
  }

  /** The stored version it comes from; `defaults` when nothing is stored. */
  get version(): string {
    return this.state().version;
  }

  /** The revision it comes from; 0 when nothing is stored. */
  get revision(): number {
    return this.state().revision;
  }
}
