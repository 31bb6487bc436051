/** The headers of a message that is about to be sent. A subscriber may add members, which are sent too. @publicApi */
export type OutgoingHeaders = Record<string, string>;

/**
 * How a handler is entered. A subscriber of a start may set it, for a context that only a function can enter
 * (OpenTelemetry's). It must call `enter` at once, and once. The handler then runs in the context of that call.
 *
 * @publicApi
 */
export interface EnteredDiagnostic {
  /** Undefined: the handler runs only in the context that is bound to the channel. */
  runIn?: ((enter: () => void) => void) | undefined;
}

/** How a call, a job or an entry ended. @publicApi */
export interface DiagnosticOutcome {
  /** How long it took, in milliseconds; undefined until it has ended. */
  readonly durationMs: number | undefined;
  /** The error; undefined when it succeeded. */
  readonly error: unknown;
}

/**
 * A call, an event or a broadcast that this process sends. Its start and its end are the same object, so that a subscriber
 * can keep its own data about it in a WeakMap.
 *
 * @publicApi
 */
export interface CallDiagnostic extends DiagnosticOutcome {
  /** A call waits for its answer, an event goes to one instance, a broadcast to all. */
  readonly kind: 'call' | 'event' | 'broadcast';
  /** The id of the instance that sends it, in this process. */
  readonly instanceId: string;
  /** The service that is called. */
  readonly service: string;
  /** The pattern of the call, in Nest's normalised form. */
  readonly pattern: string;
  /** What is sent, as its caller gave it. */
  readonly data: unknown;
  /** How long the caller waits at most, in milliseconds. */
  readonly timeoutMs: number;
  /** The headers that are sent with it. A subscriber of the start may add members. */
  readonly headers: OutgoingHeaders;
  /** How often it was sent; 0 before the first time. */
  readonly attempts: number;
  /** The id of the instance that it was sent to last; undefined before. */
  readonly targetId: string | undefined;
  /** The size of its message with headers, in bytes; undefined until it was sent. */
  readonly payloadBytes: number | undefined;
}

/**
 * A request that `HydraHttpClient` makes: one object from its start to the head of its answer.
 *
 * @publicApi
 */
export interface HttpRequestDiagnostic extends DiagnosticOutcome {
  /** The service of the request. */
  readonly service: string;
  /** The HTTP method, in upper case. */
  readonly method: string;
  /** The path with its query string. */
  readonly path: string;
  /** A subscriber of the start may add headers. They are sent, and replace headers of the same name. */
  readonly headers: OutgoingHeaders;
  /** How often it was sent; 0 before the first time. */
  readonly attempts: number;
  /** The id of the instance that it was sent to last; undefined before. */
  readonly targetId: string | undefined;
  /** The address of that instance, `host:port`; undefined until it was sent. */
  readonly address: string | undefined;
  /** The HTTP status of the answer; undefined until it arrived. */
  readonly status: number | undefined;
}

/**
 * A call or an event that this process handles: one object from its handler's start to its end.
 *
 * @publicApi
 */
export interface HandlerDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  /** Whether it is a call or an event. */
  readonly kind: 'call' | 'event';
  /** The id of the instance that handles it, in this process. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** The pattern of the handler. */
  readonly pattern: string;
  /** The headers that it arrived with. */
  readonly headers: Readonly<Record<string, string>>;
  /** The address of the caller: `<id>@<service>:/`. */
  readonly from: string;
  /** How long its caller still waits when the handler starts, in milliseconds. */
  readonly remainingMs: number;
}

/**
 * A call or an event that was refused before its handler began.
 *
 * @publicApi
 */
export interface RefusalDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** As the caller sent it: there may be no such handler. */
  readonly pattern: string;
  /** Whether a handler here has this pattern. */
  readonly isKnown: boolean;
  /** The headers that it arrived with. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The code of the error that its caller gets: `OVERLOADED`, `NO_HANDLER`, `DRAINING`, `NO_INSTANCE`, `BAD_PAYLOAD`. Or
   * why its caller stopped waiting before the handler began: `TIMEOUT`, `CANCELLED`.
   */
  readonly code: string;
}

/**
 * A job that this process adds: one object before it is encoded and once Redis has stored it, or it failed.
 *
 * @publicApi
 */
export interface JobAddedDiagnostic extends DiagnosticOutcome {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service whose queue it goes to. */
  readonly service: string;
  /** The name of the queue; `default` for the service's default queue. */
  readonly queue: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The id of the job. */
  readonly id: string;
  /** What it is added with, as given. */
  readonly data: unknown;
  /** The headers that are stored with it. A subscriber of `hydra:job:adding` may add members. */
  readonly headers: OutgoingHeaders;
}

/**
 * An attempt of a job that this process handles: one object from its handler's start to its end.
 *
 * @publicApi
 */
export interface JobDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** The name of the queue; `default` for the default queue. */
  readonly queue: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The id of the job. */
  readonly id: string;
  /** The headers that it was added with. */
  readonly headers: Readonly<Record<string, string>>;
  /** Which attempt this is: 1 for the first. */
  readonly attempt: number;
}

/**
 * A job that becomes a dead letter.
 *
 * @publicApi
 */
export interface JobDeadDiagnostic {
  /** The instance that gave it up: this one. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** The name of the queue; `default` for the default queue. */
  readonly queue: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The id of the job. */
  readonly id: string;
  /** The headers that it was added with. */
  readonly headers: Readonly<Record<string, string>>;
  /** How often it was attempted. */
  readonly attempts: number;
  /** Why it became a dead letter: the last error, or what happened to its workers. */
  readonly reason: string;
}

/**
 * An entry that this process publishes to a stream: one object before it is encoded and once Redis has stored it, or it
 * failed.
 *
 * @publicApi
 */
export interface EntryPublishedDiagnostic extends DiagnosticOutcome {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The name of the stream. */
  readonly stream: string;
  /** What kind of event it is, where its publisher said so. */
  readonly type: string | undefined;
  /** Its id in the stream, once Redis has stored it. */
  readonly id: string | undefined;
  /** What is published, as given. */
  readonly data: unknown;
  /** The headers that are stored with it. A subscriber of `hydra:entry:publishing` may add members. */
  readonly headers: OutgoingHeaders;
  /** Bytes of its fields; undefined until it is encoded. */
  readonly payloadBytes: number | undefined;
}

/**
 * A delivery of an entry to a handler of this process: one object from its handler's start to its end.
 *
 * @publicApi
 */
export interface EntryDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** The name of the stream. */
  readonly stream: string;
  /** The group of the handler. */
  readonly group: string;
  /** The id of the entry in the stream. */
  readonly id: string;
  /** The type that it was published with; undefined without one. */
  readonly type: string | undefined;
  /** The headers that it was published with. */
  readonly headers: Readonly<Record<string, string>>;
  /** Which delivery this is: 1 for the first. */
  readonly attempt: number;
}

/**
 * Entries that a handler of batches is given together: one object from its start to its end.
 *
 * @publicApi
 */
export interface BatchDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service of this process. */
  readonly service: string;
  /** The name of the stream. */
  readonly stream: string;
  /** The group of the handler. */
  readonly group: string;
  /** Each with its id in the stream, the headers that it was published with, and which delivery this is. */
  readonly entries: readonly Pick<EntryDiagnostic, 'id' | 'type' | 'headers' | 'attempt'>[];
}

/**
 * An entry that becomes a dead letter of a group.
 *
 * @publicApi
 */
export interface EntryDeadDiagnostic {
  /** The name of the stream. */
  readonly stream: string;
  /** The group in which it failed. */
  readonly group: string;
  /** The id of the entry in the stream. */
  readonly id: string;
  /** Why it became a dead letter: the last error, or what happened to its consumers. */
  readonly reason: string;
}

/**
 * A connection of an instance of this process changed its state.
 *
 * @publicApi
 */
export interface ConnectionDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The new state. */
  readonly state: 'connecting' | 'ready' | 'lost' | 'closed';
}

/**
 * This process begins to run with a stored configuration, or refuses it.
 *
 * @publicApi
 */
export interface ConfigDiagnostic {
  /** The id of the instance of this process. */
  readonly instanceId: string;
  /** The service whose configuration it is. */
  readonly service: string;
  /** The configuration that this instance runs with: `<version>@<revision>`; undefined before the first valid one. */
  readonly running: string | undefined;
  /** Why the instance does not run with the stored configuration; undefined when it does. */
  readonly problem: string | undefined;
}

/**
 * An instance is left out of the choice for a moment: a PUBLISH did not reach it, or it said that it stops.
 *
 * @publicApi
 */
export interface SuspicionDiagnostic extends InstanceDiagnostic {
  /** `unreached`: a PUBLISH did not reach it. `stopping`: it refused a call because it is stopping. */
  readonly why: 'unreached' | 'stopping';
}

/**
 * The breaker of this process leaves an instance out, tries it, or trusts it again.
 *
 * @publicApi
 */
export interface BreakerDiagnostic extends InstanceDiagnostic {
  /** `open`: it is left out now. `closed`: it is used again. */
  readonly state: 'closed' | 'open';
  /** How many calls in a row failed because of it. */
  readonly failures: number;
}

/**
 * Another instance joined or left, as far as this process can tell.
 *
 * @publicApi
 */
export interface InstanceDiagnostic {
  /** The id of the instance of this process that noticed it. */
  readonly instanceId: string;
  /** The id of the other instance. */
  readonly targetId: string;
  /** The service of that instance. */
  readonly service: string;
}
