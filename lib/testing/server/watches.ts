import type { Database } from './database.js';
import type { Session } from './session.js';

/** Keys that sessions WATCH before a transaction. */
export class Watches {
  private readonly byKey = new Map<string, Set<Session>>();
  private readonly bySession = new Map<Session, Set<string>>();

  watch(session: Session, database: Database, key: string): void {
    const place = `${database.index} ${key}`;
    const sessions = this.byKey.get(place) ?? new Set();
    this.byKey.set(place, sessions.add(session));
    const places = this.bySession.get(session) ?? new Set();
    this.bySession.set(session, places.add(place));
  }

  forget(session: Session): void {
    for (const place of this.bySession.get(session) ?? []) {
      const sessions = this.byKey.get(place);
      sessions?.delete(session);
      if (sessions?.size === 0) this.byKey.delete(place);
    }
    this.bySession.delete(session);
    session.state.isStale = false;
  }

  changed(database: Database, key: string): void {
    if (this.byKey.size === 0) return;
    for (const session of this.byKey.get(`${database.index} ${key}`) ?? []) session.state.isStale = true;
  }
}
