import type { HydraError } from '../../hydra-error.js';
import type { Hearing } from './hearing.js';
import type { Link } from './link.js';
import type { SamePrimary } from './same-primary.js';
import type { Subscriptions } from '../subscriptions.js';

/** A process that is deaf so often in a row looks for Redis anew with all its connections. */
const DEAF_TIMES = 2;
const TRY_AGAIN_MS = 100;

export interface SettlingParts {
  readonly links: SamePrimary;
  readonly listener: Link;
  readonly subscriptions: Subscriptions;
  readonly hearing: Hearing;
  readonly everyMs: number;
}

export interface SettlingOutcome {
  /** Connected, subscribed, and not deaf. */
  settled(): void;
  unsettled(): void;
  /** Why it cannot settle, or has to do so anew. */
  failed(role: 'subscriber', error: Error): void;
  refused(error: HydraError): void;
}

/**
 * What lies between two connections that are made and a process that is ready: its subscriptions are confirmed, and it
 * hears itself. Looked at again on the rhythm of the PINGs, as a subscriber can be left behind at a server that nobody
 * publishes at.
 */
export class Settling {
  /** The connections that are in use, or being put to use. */
  private session: string | undefined;
  private isSettled = false;
  private isLooking = false;
  private timesDeaf = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: SettlingParts,
    private readonly outcome: SettlingOutcome,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), this.parts.everyMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.session = undefined;
  }

  /** A connection was made or lost. */
  changed(): void {
    const { links, listener } = this.parts;
    const session =
      links.isAdmitted(links.leader) && links.isAdmitted(listener)
        ? `${links.leader.generation}/${listener.generation}`
        : undefined;
    if (session === this.session) return;
    this.unsettle();
    this.session = session;
    if (session !== undefined) void this.settle(session);
  }

  private async settle(session: string): Promise<void> {
    const { subscriptions, hearing } = this.parts;
    const isRestored = subscriptions.isRestored || (await this.restore(session));
    if (session !== this.session) return;
    if (!isRestored) return this.settleLater(session);
    const refusal = subscriptions.refusalOf(hearing.channel ?? '');
    for (const error of subscriptions.refusals) this.outcome.refused(error);
    if (refusal) {
      this.outcome.failed('subscriber', refusal);
      return this.settleLater(session, this.parts.everyMs);
    }
    const heard = await hearing.prove();
    if (session !== this.session) return;
    if (heard === 'deaf') return this.isDeaf();
    this.timesDeaf = 0;
    this.isSettled = true;
    this.outcome.settled();
  }

  /** A connection to a node of a Cluster is not watched by PING: what it does not answer has a limit here. */
  private async restore(session: string): Promise<boolean> {
    const { subscriptions, listener, everyMs } = this.parts;
    const giveUp = () => {
      if (session === this.session) listener.drop(new Error('no answer to SUBSCRIBE'));
    };
    const timer = setTimeout(giveUp, Math.max(1_000, 2 * everyMs)).unref();
    return subscriptions.restore().finally(() => clearTimeout(timer));
  }

  private settleLater(session: string, afterMs = TRY_AGAIN_MS): void {
    setTimeout(() => {
      if (session === this.session) void this.settle(session);
    }, afterMs).unref();
  }

  /** What was refused may be allowed by now; and a process that was silent for a while makes sure that it is not deaf. */
  private async look(): Promise<void> {
    const { session } = this;
    const { hearing, subscriptions } = this.parts;
    if (!this.isSettled || this.isLooking) return;
    this.isLooking = true;
    await subscriptions.retryRefused();
    for (const error of subscriptions.refusals) this.outcome.refused(error);
    const heard = hearing.takeHeard() ? 'heard' : await hearing.prove();
    this.isLooking = false;
    if (session !== this.session || !this.isSettled) return;
    if (heard === 'deaf') this.isDeaf();
    else this.timesDeaf = 0;
  }

  private isDeaf(): void {
    const { listener, links } = this.parts;
    const error = new Error('this process does not hear what it publishes on its own channel');
    this.outcome.failed('subscriber', error);
    this.unsettle();
    listener.drop(error);
    if (++this.timesDeaf < DEAF_TIMES) return;
    this.timesDeaf = 0;
    links.leader.drop(error);
  }

  private unsettle(): void {
    this.session = undefined;
    if (!this.isSettled) return;
    this.isSettled = false;
    this.outcome.unsettled();
  }
}
