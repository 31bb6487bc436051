import { Status } from '../protocol/reply.js';
import type { Command, CommandContext } from './command-context.js';
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
const SECRET = new Set(['auth', 'hello']);

/** Connections that are shown every command: MONITOR. */
export class Monitors {
  private readonly sessions = new Set<Session>();

  add(session: Session): void {
    this.sessions.add(session);
  }

  forget(session: Session): void {
    this.sessions.delete(session);
  }

  /** What is about administration is shown to nobody, as in Redis. */
  show(command: Command, context: CommandContext, argv: readonly string[]): void {
    if (this.sessions.size === 0 || command.flags.has('admin')) return;
    const { server, session, origin } = context;
    const seconds = `${Math.floor(server.nowMicros / 1_000_000)}.${String(server.nowMicros % 1_000_000).padStart(6, '0')}`;
    const from = origin === 'script' ? 'lua' : session.wire.address;
    const words = SECRET.has(command.name) ? [argv[0]!, '(redacted)'] : argv;
    const line = `${seconds} [${session.state.database} ${from}] ${words.map(quoted).join(' ')}`;
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
