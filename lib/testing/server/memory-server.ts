import { endTransaction } from '../commands/transactions.js';
import { CommandError, NO_REPLY, QUEUED, type Reply } from '../protocol/reply.js';
import { ProtocolError } from '../protocol/resp-reader.js';
import type { Clock } from '../../runtime/clock.js';
import type { RandomSource } from '../../runtime/random-source.js';
import { BlockedSessions } from './blocked-sessions.js';
import { CommandContext, type CommandHost, type Command, type ScriptEngine } from './command-context.js';
import { CommandCounts } from './command-counts.js';
import type { CommandTable } from './command-table.js';
import { Database, type DatabaseListener } from './database.js';
import type { Follower } from './follower.js';
import { Monitors } from './monitors.js';
import { Pace } from './pace.js';
import { PubSub } from './pub-sub.js';
import { ServerFaults } from './server-faults.js';
import { ServerSettings } from './server-settings.js';
import { Session, type Wire } from './session.js';
import { Users } from './users.js';
import { Watches } from './watches.js';

const DATABASES = 16;
const READONLY = "READONLY You can't write against a read only replica.";
/** What a server without any data uses. */
const BASE_BYTES = 1_000_000;
const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
const ALLOWED_TO_SUBSCRIBERS = [
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
];
const ALLOWED_IN_FULL_TRANSACTION = ['discard', 'quit', 'reset'];
const NOT_QUEUED = ['exec', 'discard', 'multi', 'watch', 'quit', 'reset'];

export interface MemoryServerOptions {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly commands: CommandTable;
  readonly scripts: ScriptEngine;
  /** How far the lives of keys are behind the time, in milliseconds. */
  readonly livesBehindMs?: () => number;
}

/** A Redis without a network: sessions give it bytes, and it writes bytes to them. Everything runs at once, in order. */
export class MemoryServer implements CommandHost, DatabaseListener {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly commands: CommandTable;
  readonly scripts: ScriptEngine;
  readonly sessions = new Set<Session>();
  readonly watches = new Watches();
  readonly monitors = new Monitors();
  readonly settings = new ServerSettings();
  readonly counts = new CommandCounts();
  readonly users: Users;
  readonly blocked: BlockedSessions;
  readonly memory = { usedBytes: 0 };
  /** What a test makes go wrong. */
  readonly faults = new ServerFaults();
  readonly pubSub = new PubSub(this.faults);
  readonly pace: Pace;
  /** Replicas that are behind. */
  readonly followers = new Set<Follower>();
  runId: string;
  readonly startedAt: number;
  private readonly databases: readonly Database[];
  private micros = 0;
  private connections = 0;
  private wasFull = false;
  private readonly unflushed = new Set<Session>();
  private readonly wallAtStart: number;
  private readonly monotonicAtStart: number;
  private nextSessionId = 1;

  constructor({ clock, random, commands, scripts, livesBehindMs = () => 0 }: MemoryServerOptions) {
    this.clock = clock;
    this.random = random;
    this.commands = commands;
    this.scripts = scripts;
    this.wallAtStart = clock.now();
    this.monotonicAtStart = clock.monotonic();
    this.startedAt = this.wallAtStart;
    this.runId = random.bytes(20).toString('hex');
    this.pace = new Pace(clock);
    this.users = new Users((name) => commands.isName(name));
    this.blocked = new BlockedSessions(clock, (session, reply) => this.released(session, reply));
    const now = () => this.now - livesBehindMs();
    this.databases = Array.from(
      { length: DATABASES },
      (_, index) => new Database({ index, meter: this.memory, now, listener: this }),
    );
    this.readClock();
  }

  /** The time while a command runs, in milliseconds since 1970. */
  get now(): number {
    return Math.floor(this.micros / 1_000);
  }

  get nowMicros(): number {
    return this.micros;
  }

  get connectionCount(): number {
    return this.connections;
  }

  get isFull(): boolean {
    return this.wasFull;
  }

  get usedBytes(): number {
    return BASE_BYTES + this.memory.usedBytes + this.scripts.usedBytes;
  }

  get allDatabases(): readonly Database[] {
    return this.databases;
  }

  database(index: number): Database {
    return this.databases[index]!;
  }

  connect(wire: Wire): Session {
    const session = new Session(this.nextSessionId++, this.counted(wire), this.clock.now(), (pending) =>
      this.unflushed.add(pending),
    );
    session.state.user = this.users.byDefault.hasNoPassword ? this.users.byDefault : undefined;
    this.sessions.add(session);
    this.connections++;
    return session;
  }

  /** Bytes of a client have arrived. */
  receive(session: Session, bytes: Buffer): void {
    this.pace.take(() => {
      if (session.state.isClosed) return;
      this.counts.gotBytes(bytes.length);
      session.reader.feed(bytes);
      this.work(session);
      this.flush();
    });
  }

  /** The client has gone, or is sent away. */
  disconnect(session: Session): void {
    if (session.state.isClosed) return;
    session.flush();
    session.state.isClosed = true;
    this.sessions.delete(session);
    this.unflushed.delete(session);
    this.blocked.forget(session);
    this.pubSub.forget(session);
    this.monitors.forget(session);
    this.watches.forget(session);
    session.wire.end();
  }

  changed(database: Database, key: string): void {
    this.watches.changed(database, key);
    this.blocked.changed(database, key);
    for (const follower of this.followers) follower.touch(database, key);
  }

  /** Runs a command of a client, a transaction or a script. */
  run(command: Command, context: CommandContext, argv: readonly string[]): Reply {
    this.counts.called(command.name);
    const isShownFirst = command.flags.has('skip_monitor');
    if (isShownFirst) this.show(command, context, argv);
    try {
      return command.run(context, argv.slice(command.words));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.counts.failed(command.name, error.text);
      return error;
    } finally {
      if (!isShownFirst) this.show(command, context, argv);
    }
  }

  private show({ name, flags }: Command, { session, origin }: CommandContext, argv: readonly string[]): void {
    if (!this.monitors.isWatched) return;
    const from = origin === 'script' ? 'lua' : session.wire.address;
    const { database } = session.state;
    const isAdministration = flags.has('admin');
    this.monitors.show({ name, isAdministration, argv, micros: this.nowMicros, database, from });
  }

  /** Whether a write that needs memory is refused. */
  lacksMemory(): boolean {
    const limit = this.settings.maxMemoryBytes;
    if (limit === 0) return false;
    if (this.usedBytes > limit) for (const database of this.databases) database.purge();
    return this.usedBytes > limit;
  }

  flush(): void {
    for (const session of this.unflushed) session.flush();
    this.unflushed.clear();
  }

  /** All time that commands see is read here. */
  readClock(): void {
    const elapsed = this.clock.monotonic() - this.monotonicAtStart;
    this.micros = Math.floor((this.wallAtStart + elapsed) * 1_000);
  }

  private counted(wire: Wire): Wire {
    const write = (bytes: Buffer) => {
      this.counts.sentBytes(bytes.length);
      wire.write(bytes);
    };
    return { address: wire.address, write, end: () => wire.end() };
  }

  private work(session: Session): void {
    try {
      while (!session.state.isBlocked && !session.state.isClosed) {
        const argv = session.reader.next();
        if (!argv) return;
        if (argv.length > 0) this.execute(session, argv);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      session.send(new CommandError(`ERR Protocol error: ${error.message}`));
      this.disconnect(session);
    }
  }

  private execute(session: Session, argv: readonly string[]): void {
    this.readClock();
    const reply = this.answer(session, argv);
    if (this.faults.takesReply(argv[0]!.toLowerCase())) return this.disconnect(session);
    session.send(reply);
    this.blocked.serve();
    for (const follower of this.followers) follower.commit();
  }

  private answer(session: Session, argv: readonly string[]): Reply {
    const command = this.admit(session, argv);
    if (command instanceof CommandError) {
      if (session.state.transaction) session.state.transaction.isBroken = true;
      return command;
    }
    if (session.state.transaction && !NOT_QUEUED.includes(command.name)) {
      session.state.transaction.commands.push(argv);
      if (command.flags.has('denyoom')) session.state.transaction.needsMemory = true;
      return QUEUED;
    }
    session.state.lastCommand = command.name;
    return this.run(command, new CommandContext(this, session), argv);
  }

  private admit(session: Session, argv: readonly string[]): Command | CommandError {
    try {
      const command = this.commands.find(argv);
      const refusal = this.refusal(session, command, argv);
      if (!refusal) return command;
      this.counts.rejected(command.name, refusal);
      if (command.name !== 'exec' || !session.state.transaction) return new CommandError(refusal);
      endTransaction(new CommandContext(this, session));
      return new CommandError(`EXECABORT Transaction discarded because of: ${refusal}`);
    } catch (error) {
      if (error instanceof CommandError) return error;
      throw error;
    }
  }

  private refusal(session: Session, command: Command, argv: readonly string[]): string | undefined {
    if (!session.state.user && !command.flags.has('no_auth')) return 'NOAUTH Authentication required.';
    const denial = session.state.user?.rules.denialOf(command, argv);
    if (denial) return `NOPERM ${DENIALS[denial](command.name)}`;
    if (this.faults.isReadOnly && command.flags.has('write')) return READONLY;
    this.wasFull = this.lacksMemory();
    if (this.wasFull && needsMemory(session, command)) return OOM;
    if (
      session.state.version === 2 &&
      session.isSubscriber &&
      !ALLOWED_TO_SUBSCRIBERS.includes(command.name)
    ) {
      return `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
    }
    return undefined;
  }

  /** A session that waited has its answer. */
  private released(session: Session, reply: Reply): void {
    if (reply !== NO_REPLY) session.send(reply);
    // What it sent meanwhile runs after the command that let it go on.
    queueMicrotask(() => this.resume(session));
  }

  private resume(session: Session): void {
    this.pace.take(() => {
      if (!session.state.isClosed) this.work(session);
      this.flush();
    });
  }
}

/** In a transaction all are refused that would be queued, and its end, where one of them needs memory. */
function needsMemory({ state: { transaction } }: Session, { name, flags }: Command): boolean {
  if (!transaction) return flags.has('denyoom');
  return name === 'exec' ? transaction.needsMemory : !ALLOWED_IN_FULL_TRANSACTION.includes(name);
}

const DENIALS = {
  command: (name: string) => `this user has no permissions to run the '${name}' command`,
  key: () => 'this user has no permissions to access one of the keys used as arguments',
  channel: () => 'this user has no permissions to access one of the channels used as arguments',
} as const;
