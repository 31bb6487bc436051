/** One run of a handler, or of what stands in for it. @publicApi */
export interface HandledRecord {
  readonly kind: 'call' | 'event' | 'job' | 'entry';
  /** The service whose handler it is. */
  readonly service: string;
  /** Which of its instances ran it, such as `payments#2`. */
  readonly instance: string;
  /** The pattern of the handler; of an entry, its stream. */
  readonly pattern: string;
  /** What it was given. */
  readonly data: unknown;
  /** Whether a stub answered. */
  readonly isStubbed: boolean;
}

/** A job that was added and that Redis has stored. @publicApi */
export interface JobRecord {
  readonly id: string;
  /** The service whose job it is. */
  readonly service: string;
  /** The name of the queue; `default` for the service's default queue. */
  readonly queue: string;
  readonly pattern: string;
  /** What it was added with, as given. */
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event that was sent, or an entry that was published. @publicApi */
export interface EventRecord {
  readonly kind: 'event' | 'broadcast' | 'entry';
  /** The service it went to; undefined for an entry. */
  readonly service: string | undefined;
  /** The stream of an entry; undefined for others. */
  readonly stream: string | undefined;
  /** Its pattern; the type of an entry, or its stream where it has no type. */
  readonly pattern: string;
  /** What was sent, as given. */
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;
}
