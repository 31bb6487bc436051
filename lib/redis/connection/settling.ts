import type { HydraError } from '../../hydra-error.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Subscriptions } from '../subscriptions.js';
import type { Heard, Hearing } from './hearing.js';
import type { Link } from './link.js';
import type { SamePrimary } from './same-primary.js';

/** After this many failed tests in a row, the process closes all its connections and finds Redis again. */
const DEAF_TIMES = 2;
const TRY_AGAIN_MS = 100;
const MIN_RESTORE_MS = 1_000;
/** Of the interval of PINGs: what is heard takes the place of a PING, and comes before that is due. */
const BEFORE_PING = 0.95;

export interface SettlingParts {
  readonly clock: Clock;
  readonly links: SamePrimary;
  readonly listener: Link;
  readonly subscriptions: Subscriptions;
  readonly hearing: Hearing;
  readonly everyMs: number;
}

export interface SettlingListener {
  /** Connected, subscribed, and not deaf. */
  settled(): void;
  unsettled(): void;
  /** Why it cannot settle, or must settle again. */
  failed(role: 'subscriber', error: Error): void;
  refused(error: HydraError): void;
}

/**
 * ```text
 *             both connected               subscribed, and heard itself
 *   apart ───────────────────▶ settling ──────────────────────────────▶ settled
 *     ▲  a connection was lost     │                                       │
 *     └────────────────────────────┴───────────── or the process is deaf ──┘
 * ```
 *
 * `session` names the two connections that are in use, or being put to use.
 */
type State =
  | { readonly name: 'apart' }
  | { readonly name: 'settling'; readonly session: string }
  | { readonly name: 'settled'; readonly session: string };

const APART: State = { name: 'apart' };

/**
 * The steps between two open connections and a ready process: the subscriptions are confirmed, and the process receives
 * its own messages. They are checked again with each PING, because a subscriber can stay at a server at which nobody
 * publishes any more.
 */
export class Settling {
  private state: State = APART;
  private checking: Promise<void> | undefined;
  private timesDeaf = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly parts: SettlingParts,
    private readonly listener: SettlingListener,
  ) {}

  start(): void {
    const { clock, everyMs } = this.parts;
    this.timer = clock.setInterval(() => this.check(), Math.ceil(everyMs * BEFORE_PING));
  }

  stop(): void {
    this.parts.clock.clear(this.timer);
    this.state = APART;
  }

  /** A connection was made or lost. */
  changed(): void {
    const session = this.presentSession();
    if (session === sessionOf(this.state)) return;
    this.unsettle();
    if (session === undefined) return;
    this.state = { name: 'settling', session };
    void this.settle(session);
  }

  private presentSession(): string | undefined {
    const { links, listener } = this.parts;
    const isWhole = links.isAdmitted(links.leader) && links.isAdmitted(listener);
    return isWhole ? `${links.leader.generation}/${listener.generation}` : undefined;
  }

  private isPresent(session: string): boolean {
    return sessionOf(this.state) === session;
  }

  private async settle(session: string): Promise<void> {
    const { subscriptions, hearing } = this.parts;
    const isRestored = subscriptions.isRestored || (await this.restore(session));
    if (!this.isPresent(session)) return;
    if (!isRestored) return this.settleLater(session);
    const refusal = subscriptions.refusalOf(hearing.channel ?? '');
    for (const error of subscriptions.refusals) this.listener.refused(error);
    if (refusal) {
      this.listener.failed('subscriber', refusal);
      return this.settleLater(session, this.parts.everyMs);
    }
    const heard = await hearing.prove();
    if (!this.isPresent(session)) return;
    if (heard === 'deaf') return this.isDeaf();
    this.timesDeaf = 0;
    this.state = { name: 'settled', session };
    this.listener.settled();
  }

  /** A connection to a node of a Cluster is not watched by PING: what it does not answer has a limit here. */
  private async restore(session: string): Promise<boolean> {
    const { clock, subscriptions, listener, everyMs } = this.parts;
    const limitMs = Math.max(MIN_RESTORE_MS, 2 * everyMs);
    const timer = clock.setTimeout(() => {
      if (this.isPresent(session)) listener.drop(new Error('no answer to SUBSCRIBE'));
    }, limitMs);
    return subscriptions.restore().finally(() => clock.clear(timer));
  }

  private settleLater(session: string, afterMs = TRY_AGAIN_MS): void {
    this.parts.clock.setTimeout(() => {
      if (this.isPresent(session)) void this.settle(session);
    }, afterMs);
  }

  private check(): void {
    if (this.state.name !== 'settled') return;
    this.checking ??= this.look(this.state.session).finally(() => (this.checking = undefined));
  }

  /**
   * A refused subscription may be allowed by now. A process that received nothing for a while tests whether it still
   * receives its own messages.
   */
  private async look(session: string): Promise<void> {
    const { hearing, subscriptions } = this.parts;
    await subscriptions.retryRefused();
    for (const error of subscriptions.refusals) this.listener.refused(error);
    const heard = hearing.takeHeard() ? 'heard' : await this.prove();
    if (!this.isPresent(session)) return;
    if (heard === 'deaf') this.isDeaf();
    else this.timesDeaf = 0;
  }

  /** What was heard shows that the connection of the subscriptions stands. */
  private async prove(): Promise<Heard> {
    const { clock, hearing, listener } = this.parts;
    const sentAt = clock.monotonic();
    const heard = await hearing.prove();
    if (heard === 'heard') listener.proven(sentAt);
    return heard;
  }

  private isDeaf(): void {
    const { listener, links } = this.parts;
    const error = new Error('this process does not hear what it publishes on its own channel');
    this.listener.failed('subscriber', error);
    this.unsettle();
    listener.drop(error);
    if (++this.timesDeaf < DEAF_TIMES) return;
    this.timesDeaf = 0;
    links.leader.drop(error);
  }

  private unsettle(): void {
    const { name } = this.state;
    this.state = APART;
    if (name === 'settled') this.listener.unsettled();
  }
}

function sessionOf(state: State): string | undefined {
  return state.name === 'apart' ? undefined : state.session;
}
