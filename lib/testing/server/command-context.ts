import type { Clock } from '../../runtime/clock.js';
import type { RandomSource } from '../../runtime/random-source.js';
import type { NO_REPLY, Reply } from '../protocol/reply.js';
import type { CommandCounts } from './command-counts.js';
import type { CommandFacts } from './command-facts.js';
import type { Database } from './database.js';
import type { Monitors } from './monitors.js';
import type { PubSub } from './pub-sub.js';
import type { ServerSettings } from './server-settings.js';
import type { Session } from './session.js';
import type { Users } from './users.js';
import type { Watches } from './watches.js';

/** @param args without the names of the command and its subcommand */
export type CommandHandler = (context: CommandContext, args: readonly string[]) => Reply;

/** Handlers by name; a subcommand is `name|subcommand`. */
export type CommandFamily = Readonly<Record<string, CommandHandler>>;

export interface Command extends CommandFacts {
  readonly run: CommandHandler;
  /** How many words its name has. */
  readonly words: number;
}

/** A command that waits until its keys have something. */
export interface Waiting {
  readonly keys: readonly string[];
  /** 0 waits without end. */
  readonly timeoutMs: number;
  /** Tried whenever one of the keys was changed; undefined to go on waiting. */
  readonly attempt: () => Reply | undefined;
  readonly whenTimedOut: Reply;
}

/** What commands use of the server that they run on. */
export interface CommandHost {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Milliseconds since 1970; stands still while a command runs. */
  readonly now: number;
  readonly nowMicros: number;
  readonly startedAt: number;
  readonly runId: string;
  readonly usedBytes: number;
  /** Whether memory was full when the current command of a client began. */
  readonly isFull: boolean;
  readonly connectionCount: number;
  readonly allDatabases: readonly Database[];
  readonly sessions: ReadonlySet<Session>;
  readonly commands: KnownCommands;
  readonly scripts: ScriptEngine;
  readonly pubSub: PubSub;
  readonly monitors: Monitors;
  readonly watches: Watches;
  readonly settings: ServerSettings;
  readonly counts: CommandCounts;
  readonly users: Users;
  readonly blocked: {
    readonly count: number;
    add(session: Session, database: Database, waiting: Waiting): typeof NO_REPLY;
    unblock(session: Session, asError: boolean): boolean;
  };
  database(index: number): Database;
  disconnect(session: Session): void;
  run(command: Command, context: CommandContext, argv: readonly string[]): Reply;
}

export interface KnownCommands {
  readonly commands: ReadonlyMap<string, Command>;
  find(argv: readonly string[]): Command;
  lookUp(argv: readonly string[]): Command | undefined;
}

/** Keys and arguments of one run of a script. */
export interface ScriptRun {
  readonly context: CommandContext;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly isReadOnly: boolean;
}

/** Runs Lua. */
export interface ScriptEngine {
  readonly usedBytes: number;
  readonly count: number;
  /** Compiles a script and keeps it; its hash. @throws CommandError where it is no Lua */
  load(source: string): string;
  has(sha: string): boolean;
  flush(): void;
  close(): void;
  /** @throws CommandError `NOSCRIPT`, and what the script throws */
  run(sha: string, run: ScriptRun): Reply;
}

/** Where one command runs: for whom, in which database, and at what time. */
export class CommandContext {
  constructor(
    readonly server: CommandHost,
    readonly session: Session,
    /** Inside a script or a transaction nothing waits. */
    readonly origin: 'client' | 'transaction' | 'script' = 'client',
  ) {}

  get database(): Database {
    return this.server.database(this.session.state.database);
  }

  /** Milliseconds since 1970; stands still while a command runs. */
  get now(): number {
    return this.server.now;
  }

  /** The answer of a command that waits, where it may; else as if its time had passed. */
  wait(waiting: Waiting): Reply {
    if (this.origin !== 'client') return waiting.whenTimedOut;
    return this.server.blocked.add(this.session, this.database, waiting);
  }
}
