import type { MissingRights } from '../../registry/needed-rights.js';
import type { Info } from '../../redis/faults/server-facts.js';

/** An instance of a service, as the registry has it. */
export interface SeenInstance {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  readonly isOurs: boolean;
  readonly acceptsCalls: boolean;
  readonly config: string | undefined;
  /** How many subscribers its channel has. */
  readonly listeners: number | undefined;
}

/** What an instance says of itself. */
export interface SeenHealth {
  readonly service: string;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** The index of a service. */
export interface SeenService {
  readonly service: string;
  /** Instances whose presence ended longer ago than a look takes. */
  readonly dead: number;
}

/** The stored configurations of a service: the revision of each version. */
export interface SeenConfigurations {
  readonly service: string;
  readonly revisions: Readonly<Record<string, string>>;
}

/** One queue of a service. */
export interface SeenQueue {
  readonly service: string;
  readonly queue: string;
  readonly waiting: number;
  readonly deadLetters: number;
  /** Taken by Hydra 1.x workers. */
  readonly inProgress: number;
  readonly workers: number;
  readonly isPaused: boolean;
  /** How long ago the oldest job that waits was added, in milliseconds. */
  readonly oldestMs: number | undefined;
  /** How many jobs of each pattern wait that no worker has a handler for. */
  readonly unhandled: Readonly<Record<string, number>>;
}

/** One group of a stream. */
export interface SeenGroup {
  readonly stream: string;
  readonly group: string;
  /** Entries that were not delivered to it; undefined where Redis does not know it. */
  readonly lag: number | undefined;
  /** How long ago the first of these was published, in milliseconds. */
  readonly unreadMs: number | undefined;
  readonly pending: number;
  /** Of these, with instances that are gone. */
  readonly heldByGone: number;
  /** Instances that read it. */
  readonly readers: number;
  /** For how long no other program has read it, in milliseconds; undefined where none ever has. */
  readonly foreignIdleMs: number | undefined;
  /** Entries that were trimmed away before it had read them, and the key where they are counted. */
  readonly lost: number;
  readonly lostKey: string;
  readonly deadLetters: number;
}

/** A stream. */
export interface SeenStream {
  readonly stream: string;
  readonly length: number;
}

/** What one server says of itself. On a Cluster each primary is asked. */
export interface ServerFacts {
  readonly info: Info;
  readonly settings: Readonly<Record<string, string>>;
  readonly clients: { readonly monitors: number };
  readonly patterns: number;
  readonly slow: readonly { readonly ms: number; readonly command: string }[];
}

/** All that is looked at, read once. */
export interface Facts extends ServerFacts {
  /** Why there is no connection. */
  readonly connection: { readonly reason: string | undefined; readonly isRefused: boolean };
  /** Primaries of a Cluster that do not answer. */
  readonly silent: readonly string[];
  readonly link: {
    readonly host: string;
    readonly isLocal: boolean;
    readonly isEncrypted: boolean;
    readonly hasPassword: boolean;
    /** Until the certificate of Redis ends, in days. */
    readonly certificateDays: number | undefined;
    readonly roundTripMs: number;
  };
  readonly cluster: Info;
  readonly rights: MissingRights;
  readonly otherLayout: readonly string[];
  readonly clock: { readonly aheadMs: number; readonly redisMs: number };
  readonly services: readonly SeenService[];
  readonly instances: readonly SeenInstance[];
  readonly health: readonly SeenHealth[];
  readonly configurations: readonly SeenConfigurations[];
  /** How many entries the hash of all instances has. */
  readonly nodes: number;
  readonly queues: readonly SeenQueue[];
  readonly streams: readonly SeenStream[];
  readonly groups: readonly SeenGroup[];
  readonly process: {
    readonly nodeVersion: string;
    readonly heapUsed: number;
    readonly heapLimit: number;
    readonly maxFiles: number | undefined;
    readonly maxPayloadBytes: number;
    readonly refused: readonly string[];
  };
}

/** A part of the facts, and what of it was not looked at; or why it could not be had. */
export type Known<Value> =
  { readonly value: Value; readonly partly?: readonly string[] } | { readonly why: string };

/** Each part of the facts, or why it could not be had. */
export type Evidence = { readonly [Part in keyof Facts]: Known<Facts[Part]> };

/** What is known of one server. */
export type ServerEvidence = { readonly [Part in keyof ServerFacts]: Known<ServerFacts[Part]> };

/** One server of several. */
export interface SeenServer {
  /** Its address; undefined where there is one server. */
  readonly name: string | undefined;
  readonly evidence: ServerEvidence;
}
