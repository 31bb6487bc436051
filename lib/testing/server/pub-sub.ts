import { matchesGlob } from '../protocol/glob.js';
import { PushReply } from '../protocol/reply.js';
import type { ServerFaults } from './server-faults.js';
import type { Session } from './session.js';

/** Who listens to which channels and patterns. */
export class PubSub {
  private readonly byChannel = new Map<string, Set<Session>>();
  private readonly byPattern = new Map<string, Set<Session>>();

  constructor(private readonly faults: Pick<ServerFaults, 'copiesOf'>) {}

  get channelCount(): number {
    return this.byChannel.size;
  }

  get patternCount(): number {
    return this.byPattern.size;
  }

  subscribe(session: Session, channel: string): void {
    session.channels.add(channel);
    add(this.byChannel, channel, session);
  }

  unsubscribe(session: Session, channel: string): void {
    session.channels.delete(channel);
    remove(this.byChannel, channel, session);
  }

  subscribePattern(session: Session, pattern: string): void {
    session.patterns.add(pattern);
    add(this.byPattern, pattern, session);
  }

  unsubscribePattern(session: Session, pattern: string): void {
    session.patterns.delete(pattern);
    remove(this.byPattern, pattern, session);
  }

  forget(session: Session): void {
    for (const channel of [...session.channels]) this.unsubscribe(session, channel);
    for (const pattern of [...session.patterns]) this.unsubscribePattern(session, pattern);
  }

  /** How many receive it; one that a fault loses on its way is not missed here. */
  publish(channel: string, message: string): number {
    const copies = this.faults.copiesOf(channel);
    let receivers = 0;
    for (const session of this.byChannel.get(channel) ?? []) {
      for (let n = 0; n < copies; n++) session.send(new PushReply(['message', channel, message]));
      receivers++;
    }
    for (const [pattern, sessions] of this.byPattern) {
      if (!matchesGlob(pattern, channel)) continue;
      for (const session of sessions) {
        for (let n = 0; n < copies; n++) session.send(new PushReply(['pmessage', pattern, channel, message]));
        receivers++;
      }
    }
    return receivers;
  }

  channels(pattern?: string): readonly string[] {
    const channels = [...this.byChannel.keys()];
    return pattern === undefined ? channels : channels.filter((channel) => matchesGlob(pattern, channel));
  }

  subscribers(channel: string): number {
    return this.byChannel.get(channel)?.size ?? 0;
  }
}

function add(map: Map<string, Set<Session>>, name: string, session: Session): void {
  const sessions = map.get(name);
  if (sessions) sessions.add(session);
  else map.set(name, new Set([session]));
}

function remove(map: Map<string, Set<Session>>, name: string, session: Session): void {
  const sessions = map.get(name);
  sessions?.delete(session);
  if (sessions?.size === 0) map.delete(name);
}
