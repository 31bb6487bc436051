/** The headers of what is about to be sent. A subscriber may add its own by assignment; they travel with it. @publicApi */
export type OutgoingHeaders = Record<string, string>;

/**
 * How a handler is entered. A subscriber of a start may set it, for a context that only a function can enter (OpenTelemetry's):
 * it must call `enter` at once, and once; the handler then runs in what was around that.
 *
 * @publicApi
 */
export interface EnteredDiagnostic {
  /** Undefined: the handler runs in what is bound to the channel, and nothing else. */
  runIn?: ((enter: () => void) => void) | undefined;
}

/** How a call, a job or an entry ended. @publicApi */
export interface DiagnosticOutcome {
  /** How long it took, in milliseconds; undefined until it has ended. */
  readonly durationMs: number | undefined;
  /** What it failed with; undefined where it succeeded. */
  readonly error: unknown;
}

/**
 * A call, an event or a broadcast that this process sends. One object from its start to its end, so that a subscriber can
 * keep what it knows of it in a WeakMap.
 *
 * @publicApi
 */
export interface CallDiagnostic extends DiagnosticOutcome {
  /** A call waits for its answer, an event goes to one instance, a broadcast to all. */
  readonly kind: 'call' | 'event' | 'broadcast';
  /** The instance that sends it: this one. */
  readonly instanceId: string;
  /** The service that is called. */
  readonly service: string;
  readonly pattern: string;
  readonly timeoutMs: number;
  readonly headers: OutgoingHeaders;
  /** How often it was sent; 0 until it was. */
  readonly attempts: number;
  /** The instance that it was sent to last. */
  readonly targetId: string | undefined;
  /** Bytes of its message, headers and all; undefined until it was sent. */
  readonly payloadBytes: number | undefined;
}

/**
 * A request that `HydraHttpClient` makes: one object from its start to the head of its answer.
 *
 * @publicApi
 */
export interface HttpRequestDiagnostic extends DiagnosticOutcome {
  /** The service that is asked. */
  readonly service: string;
  /** In upper case. */
  readonly method: string;
  /** With its query string. */
  readonly path: string;
  /** Those that a subscriber adds are sent; they replace headers of the same name. */
  readonly headers: OutgoingHeaders;
  /** How often it was sent; 0 until it was. */
  readonly attempts: number;
  /** The instance that it was sent to last, and its address: `host:port`. */
  readonly targetId: string | undefined;
  readonly address: string | undefined;
  /** Of the answer; undefined until it came. */
  readonly status: number | undefined;
}

/**
 * A call or an event that this process handles: one object from its handler's start to its end.
 *
 * @publicApi
 */
export interface HandlerDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  readonly kind: 'call' | 'event';
  /** The instance that handles it: this one. */
  readonly instanceId: string;
  /** The service that handles it: this process's own. */
  readonly service: string;
  readonly pattern: string;
  /** The headers that it came with. */
  readonly headers: Readonly<Record<string, string>>;
  /** The address of the caller: `<id>@<service>:/`. */
  readonly from: string;
  /** How long the caller still waits at its start, in milliseconds. */
  readonly remainingMs: number;
}

/**
 * A call or an event that was refused before its handler began.
 *
 * @publicApi
 */
export interface RefusalDiagnostic {
  readonly instanceId: string;
  readonly service: string;
  /** As the caller sent it: there may be no such handler. */
  readonly pattern: string;
  /** Whether a handler here has this pattern. */
  readonly isKnown: boolean;
  /** The headers that it came with. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Of the HydraError that its caller is sent: `OVERLOADED`, `NO_HANDLER`, `DRAINING`, `NO_INSTANCE`, `BAD_PAYLOAD`; or why
   * nobody waited any more when its place came: `TIMEOUT`, `CANCELLED`.
   */
  readonly code: string;
}

/**
 * A job that this process adds: one object before it is encoded and once Redis has stored it, or it failed.
 *
 * @publicApi
 */
export interface JobAddedDiagnostic extends DiagnosticOutcome {
  /** The service whose queue it goes to. */
  readonly service: string;
  readonly queue: string;
  readonly pattern: string;
  readonly id: string;
  readonly headers: OutgoingHeaders;
}

/**
 * An attempt of a job that this process handles: one object from its handler's start to its end.
 *
 * @publicApi
 */
export interface JobDiagnostic extends DiagnosticOutcome, EnteredDiagnostic {
  readonly instanceId: string;
  readonly service: string;
  readonly queue: string;
  readonly pattern: string;
  readonly id: string;
  /** The headers that it was added with. */
  readonly headers: Readonly<Record<string, string>>;
  /** Which attempt this is: 1 for the first. */
  readonly attempt: number;
}

/**
 * A job that was given up.
 *
 * @publicApi
 */
export interface JobDeadDiagnostic {
  /** The instance that gave it up: this one. */
  readonly instanceId: string;
  readonly service: string;
  readonly queue: string;
  readonly pattern: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How often it was attempted. */
  readonly attempts: number;
  readonly reason: string;
}

/**
 * An entry that this process publishes to a stream: one object before it is encoded and once Redis has stored it, or it
 * failed.
 *
 * @publicApi
 */
export interface EntryPublishedDiagnostic extends DiagnosticOutcome {
  readonly stream: string;
  /** What kind of event it is, where its publisher said so. */
  readonly type: string | undefined;
  /** Its id in the stream, once Redis has stored it. */
  readonly id: string | undefined;
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
  readonly instanceId: string;
  readonly service: string;
  readonly stream: string;
  readonly group: string;
  readonly id: string;
  readonly type: string | undefined;
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
  readonly instanceId: string;
  readonly service: string;
  readonly stream: string;
  readonly group: string;
  /** Each with its id in the stream, the headers that it was published with, and which delivery this is. */
  readonly entries: readonly Pick<EntryDiagnostic, 'id' | 'type' | 'headers' | 'attempt'>[];
}

/**
 * An entry that a group gave up.
 *
 * @publicApi
 */
export interface EntryDeadDiagnostic {
  readonly stream: string;
  readonly group: string;
  readonly id: string;
  readonly reason: string;
}

/**
 * A connection of an instance of this process changed its state.
 *
 * @publicApi
 */
export interface ConnectionDiagnostic {
  readonly instanceId: string;
  readonly state: 'connecting' | 'ready' | 'lost' | 'closed';
}

/**
 * A configuration that is stored was taken, or refused.
 *
 * @publicApi
 */
export interface ConfigDiagnostic {
  readonly instanceId: string;
  readonly service: string;
  /** What this instance runs with: `<version>@<revision>`; undefined until there was a valid one. */
  readonly running: string | undefined;
  /** Why what is stored does not run; undefined where it does. */
  readonly problem: string | undefined;
}

/**
 * An instance is left out of the choice for a moment: a PUBLISH did not reach it, or it said that it stops.
 *
 * @publicApi
 */
export interface SuspicionDiagnostic extends InstanceDiagnostic {
  readonly why: 'unreached' | 'stopping';
}

/**
 * The breaker of this process leaves an instance out, tries it, or trusts it again.
 *
 * @publicApi
 */
export interface BreakerDiagnostic extends InstanceDiagnostic {
  readonly state: 'closed' | 'open';
  /** Calls in a row that it did not answer. */
  readonly failures: number;
}

/**
 * Another instance joined or left, as far as this process can tell.
 *
 * @publicApi
 */
export interface InstanceDiagnostic {
  /** The instance that noticed: this one. */
  readonly instanceId: string;
  /** The instance that joined or left, and its service. */
  readonly targetId: string;
  readonly service: string;
}
