import { Status } from '../protocol/reply.js';
import type { Session } from './session.js';

const NAMED: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
  '"': '\\"',
  '\\': '\\\\',
};
/** A command, and for whom it runs. */
export interface ShownCommand {
  readonly name: string;
  readonly isAdministration: boolean;
  readonly argv: readonly string[];
  /** Of Redis, in microseconds since 1970. */
  readonly micros: number;
  readonly database: number;
  /** The address of its client, or `lua`. */
  readonly from: string;
}

const SECRET = new Set(['auth', 'hello']);

/** Connections that are shown every command: MONITOR. */
export class Monitors {
  private readonly sessions = new Set<Session>();

  get isWatched(): boolean {
    return this.sessions.size > 0;
  }

  add(session: Session): void {
    this.sessions.add(session);
  }

  forget(session: Session): void {
    this.sessions.delete(session);
  }

  /** What is about administration is shown to nobody, as in Redis. */
  show({ name, isAdministration, argv, micros, database, from }: ShownCommand): void {
    if (isAdministration) return;
    const seconds = `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, '0')}`;
    const words = SECRET.has(name) ? [argv[0]!, '(redacted)'] : argv;
    const line = `${seconds} [${database} ${from}] ${words.map(quoted).join(' ')}`;
    for (const monitor of this.sessions) monitor.send(new Status(line));
  }
}

function quoted(text: string): string {
  const escaped = text.replaceAll(
    // Text is bytes here.
    // oxlint-disable-next-line no-control-regex
    /[\x00-\x1f"\\\x7f-\xff]/g,
    (char) => NAMED[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${escaped}"`;
}
