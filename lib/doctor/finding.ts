/** The area of a finding. @publicApi */
export type DoctorCategory =
  | 'reach'
  | 'server'
  | 'memory'
  | 'persistence'
  | 'buffers'
  | 'monitors'
  | 'rights'
  | 'layout'
  | 'clock'
  | 'registry'
  | 'queues'
  | 'configuration'
  | 'process';

/**
 * `error`: work is lost, refused or stands still now. `warning`: it will be, sooner or later. `info`: good to know.
 *
 * @publicApi
 */
export type DoctorSeverity = 'error' | 'warning' | 'info';

/** One thing that is not as it should be. No text of it contains a secret. @publicApi */
export interface DoctorFinding {
  /** Stable, for programs: `memory.eviction`. */
  readonly id: string;
  readonly category: DoctorCategory;
  readonly severity: DoctorSeverity;
  /** What was found, with the values. */
  readonly what: string;
  /** Why it matters to services of this library. */
  readonly why: string;
  /** The command, or the setting, that mends it. */
  readonly fix: string;
  /** The page that explains it, in the documentation of this package. */
  readonly docs: string;
}

/** What could not be looked at. @publicApi */
export interface DoctorGap {
  /** The ids of the findings that can therefore not be made. */
  readonly ids: readonly string[];
  /** Why: what Redis answered, or what is not there. */
  readonly why: string;
}

/** What {@link HydraDoctor.check} has found. @publicApi */
export interface DoctorReport {
  /** Errors first, then warnings. */
  readonly findings: readonly DoctorFinding[];
  readonly notLookedAt: readonly DoctorGap[];
  /** How many findings were looked for. */
  readonly checks: number;
  /** How long it took, in milliseconds, and how many commands Redis was asked. */
  readonly tookMs: number;
  readonly commands: number;
}

/** Where the facts of a check come from: what each part of {@link Evidence} is. */
export type Source = keyof Evidence;

/** One finding that is looked for. Its facts are there when it is called. */
export interface Check {
  readonly id: string;
  readonly category: DoctorCategory;
  readonly severity: DoctorSeverity;
  readonly why: string;
  readonly fix: string;
  readonly docs: string;
  /** What it needs to be made at all. */
  readonly needs: readonly Source[];
  /** What was found; undefined when all is well. With another severity where it is worse or better than usual. */
  readonly find: (evidence: Facts) => Found | undefined;
}

type Found = string | { readonly what: string; readonly severity: DoctorSeverity };

/** INFO of Redis, by field. */
export type Info = Readonly<Record<string, string>>;

/** An instance of a service, as the registry and its health record have it. */
export interface SeenInstance {
  readonly service: string;
  readonly id: string;
  readonly version: string;
  readonly isOurs: boolean;
  readonly acceptsCalls: boolean;
  readonly config: string | undefined;
  /** How many subscribers its channel has. */
  readonly listeners: number | undefined;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** The default queue of a service, and its registry. */
export interface SeenService {
  readonly service: string;
  /** Instances in the index whose presence ended longer ago than a look takes. */
  readonly dead: number;
  readonly waiting: number;
  readonly deadLetters: number;
  /** Taken by Hydra 1.x workers. */
  readonly inProgress: number;
  readonly workers: number;
  readonly isPaused: boolean;
  /** How long ago the job that is taken next was added, in milliseconds. */
  readonly oldestMs: number | undefined;
  /** The stored revision of each version of its configuration. */
  readonly revisions: Readonly<Record<string, string>>;
}

/** All that is looked at, read once. */
export interface Facts {
  /** Why there is no connection. */
  readonly connection: { readonly reason: string | undefined; readonly isRefused: boolean };
  readonly link: {
    readonly host: string;
    readonly isLocal: boolean;
    readonly isEncrypted: boolean;
    readonly hasPassword: boolean;
    /** Until the certificate of Redis ends, in days. */
    readonly certificateDays: number | undefined;
    readonly roundTripMs: number;
  };
  readonly info: Info;
  readonly settings: Readonly<Record<string, string>>;
  readonly cluster: Info;
  readonly clients: { readonly monitors: number };
  readonly patterns: number;
  readonly slow: readonly { readonly ms: number; readonly command: string }[];
  readonly rights: { readonly user: string; readonly missing: readonly string[] };
  readonly otherLayout: readonly string[];
  readonly clock: { readonly aheadMs: number; readonly redisMs: number };
  readonly instances: readonly SeenInstance[];
  readonly services: readonly SeenService[];
  readonly nodes: number;
  readonly process: {
    readonly nodeVersion: string;
    readonly heapUsed: number;
    readonly heapLimit: number;
    readonly maxFiles: number | undefined;
    readonly maxPayloadBytes: number;
    readonly refused: readonly string[];
  };
}

/** Each part of the facts, or why it could not be had. */
export type Evidence = {
  readonly [Part in keyof Facts]: { readonly value: Facts[Part] } | { readonly why: string };
};
