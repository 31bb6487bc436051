import { CommandError, NO_REPLY, type Reply } from '../protocol/reply.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Waiting } from './command-context.js';
import type { Database } from './database.js';
import type { Session } from './session.js';

interface Blocked extends Waiting {
  readonly session: Session;
  readonly database: Database;
  timer: Timer | undefined;
}

/** Sessions whose command waits for a key, in the order in which they began to. */
export class BlockedSessions {
  private readonly bySession = new Map<Session, Blocked>();
  private readonly ready = new Set<string>();

  constructor(
    private readonly clock: Clock,
    /** A session has its answer, and what it sent meanwhile may run. */
    private readonly released: (session: Session, reply: Reply) => void,
  ) {}

  get count(): number {
    return this.bySession.size;
  }

  add(session: Session, database: Database, waiting: Waiting): typeof NO_REPLY {
    const blocked: Blocked = { ...waiting, session, database, timer: undefined };
    this.bySession.set(session, blocked);
    session.state.isBlocked = true;
    if (waiting.timeoutMs > 0) {
      blocked.timer = this.clock.setTimeout(
        () => this.release(blocked, waiting.whenTimedOut),
        waiting.timeoutMs,
        // Readers ask again and again.
        { isUpkeep: true },
      );
    }
    return NO_REPLY;
  }

  changed(database: Database, key: string): void {
    if (this.bySession.size > 0) this.ready.add(placeOf(database, key));
  }

  /** Lets those try whose keys were changed, until nobody gets anything any more. */
  serve(): void {
    while (this.ready.size > 0) {
      const ready = new Set(this.ready);
      this.ready.clear();
      for (const blocked of [...this.bySession.values()]) {
        if (blocked.keys.some((key) => ready.has(placeOf(blocked.database, key)))) this.attempt(blocked);
      }
    }
  }

  /** The connection has gone. */
  forget(session: Session): void {
    const blocked = this.bySession.get(session);
    if (blocked) this.end(blocked);
  }

  /** CLIENT UNBLOCK. */
  unblock(session: Session, asError: boolean): boolean {
    const blocked = this.bySession.get(session);
    if (!blocked) return false;
    const error = new CommandError('UNBLOCKED client unblocked via CLIENT UNBLOCK');
    this.release(blocked, asError ? error : blocked.whenTimedOut);
    return true;
  }

  private attempt(blocked: Blocked): void {
    if (!this.bySession.has(blocked.session)) return;
    const reply = attemptOf(blocked);
    if (reply !== undefined) this.release(blocked, reply);
  }

  private release(blocked: Blocked, reply: Reply): void {
    this.end(blocked);
    this.released(blocked.session, reply);
  }

  private end({ session, timer }: Blocked): void {
    this.clock.clear(timer);
    this.bySession.delete(session);
    session.state.isBlocked = false;
  }
}

function attemptOf({ attempt }: Blocked): Reply | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

function placeOf(database: Database, key: string): string {
  return `${database.index} ${key}`;
}
