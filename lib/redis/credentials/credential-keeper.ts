import { HydraError } from '../../hydra-error.js';
import type { CredentialsProvider, Login } from '../../options/credentials-options.js';
import { backoffMs } from '../../runtime/backoff.js';
import { MAX_TIMER_MS } from '../../options/checks.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { RandomSource } from '../../runtime/random-source.js';
import { sourceOf, type CredentialSource } from './credential-source.js';
import { renewalInMs } from './renewal-time.js';

/** Credentials that do not say when they expire are asked for again with a connection that is made later than this. */
const FRESH_MS = 1_000;
/** The pauses between two attempts to renew what still holds. */
const RENEWAL_PAUSES = { minMs: 1_000, maxMs: 30_000 };
/** The pauses before a provider is asked again by connections that have nothing to show. */
const NEED_PAUSES = { minMs: 50, maxMs: 2_000 };

export interface KeeperOptions {
  readonly provider: CredentialsProvider;
  /** The user where the provider names none. */
  readonly username: string | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
}

export interface KeeperListener {
  /** There are new credentials: for the connections that stand, too. */
  renewed(): void;
  /** They could not be renewed. Those there are still hold. */
  failed(text: string): void;
}

/** What is known of the last attempts that failed: the provider is away, or Redis refuses what it gives. */
interface Problem {
  readonly kind: 'away' | 'refused';
  readonly error: HydraError;
  readonly failures: number;
  readonly notBefore: number;
}

/**
 * ```text
 *   none ── first answer ──▶ held ── Redis refused them ──▶ refused
 *                             ▲  └── a new answer, before they expire or after ──┐ │
 *                             └──────────────────────────────────────────────────┴─┘
 * ```
 */
type State =
  | { readonly name: 'none' }
  | { readonly name: 'held' | 'refused'; readonly login: Login; readonly at: number };

/**
 * The credentials of a process, renewed before they expire. While the provider is away, those that were given last are kept,
 * and shown until they expire.
 */
export class CredentialKeeper {
  private state: State = { name: 'none' };
  private problem: Problem | undefined;
  private asking: Promise<void> | undefined;
  private timer: Timer | undefined;
  private hasClosed = false;
  private readonly source: CredentialSource;

  constructor(
    private readonly options: KeeperOptions,
    private readonly listener: KeeperListener,
  ) {
    this.source = sourceOf(options.provider, options, {
      renewed: (login) => this.take(login),
      failed: (error) => this.fail('away', error),
    });
  }

  /** What a connection shows that is made now. */
  get login(): Login | undefined {
    return this.state.name === 'none' ? undefined : this.state.login;
  }

  /** Whether a connection can be made with them as they are. Otherwise it has to ask with {@link fresh} first. */
  get isFresh(): boolean {
    const { state } = this;
    if (state.name !== 'held') return false;
    const { expiresAt } = state.login;
    if (expiresAt !== undefined) return this.options.clock.now() < expiresAt;
    return this.now - state.at < FRESH_MS;
  }

  /** What a person should look at: they cannot be renewed, or Redis refuses them. */
  get warning(): string | undefined {
    if (!this.problem) return undefined;
    return `${wordsOf(this.problem.error)}${this.untilWhen()}`;
  }

  /**
   * Gets new ones, or does nothing where those there are have not expired and the provider is away.
   *
   * @throws HydraError as the provider failed, where there are none to show
   */
  async fresh(): Promise<void> {
    const { problem } = this;
    const isAskedAnyway = this.asking !== undefined;
    const isTooSoon = !isAskedAnyway && problem !== undefined && this.now < problem.notBefore;
    const failure = isTooSoon ? problem.error : await this.ask();
    if (failure && !this.mayStillHold()) throw failure;
  }

  /** Redis refused them: the provider is asked for others. */
  refused(error: Error): void {
    if (this.state.name !== 'held') return;
    this.state = { ...this.state, name: 'refused' };
    this.source.refused(error);
  }

  /** A connection that stands could not be logged in again; it is tried again with what the provider gives by then. */
  notTaken(error: HydraError): void {
    this.refused(error);
    this.fail('refused', error);
  }

  /**
   * As {@link notTaken}, of a connection that did not ask with {@link fresh} before, and will not: the driver makes those to
   * the nodes of a Cluster. They are asked for now, or after the pause since the last time.
   */
  refusedByNode(error: HydraError): void {
    if (this.hasClosed || this.asking || this.state.name === 'none') return;
    const notBefore = Math.max(this.state.at + FRESH_MS, this.problem?.notBefore ?? -Infinity);
    if (this.state.name === 'held' || !this.problem) this.notTaken(error);
    if (this.now >= notBefore) void this.ask();
  }

  /** Redis took them. */
  taken(): void {
    if (this.problem?.kind !== 'refused' || this.state.name !== 'held') return;
    this.problem = undefined;
    this.renewIn(this.msToRenewal(this.state.login));
  }

  close(): void {
    this.hasClosed = true;
    this.options.clock.clear(this.timer);
    this.source.close();
  }

  /** One question at a time, for all that wait. Resolves with what is wrong. */
  private async ask(): Promise<HydraError | undefined> {
    this.asking ??= this.source
      .ask()
      .then(
        (login) => this.take(login),
        (error: unknown) => this.fail('away', error as HydraError),
      )
      .finally(() => (this.asking = undefined));
    await this.asking;
    return this.problem?.error;
  }

  private take(login: Login): void {
    if (this.hasClosed) return;
    const { login: before } = this;
    const isOther = before?.password !== login.password || before.username !== login.username;
    this.state = { name: 'held', login, at: this.now };
    if (isOther || this.problem?.kind === 'away') this.problem = undefined;
    this.renewIn(this.msToRenewal(login));
    if (before && (isOther || this.problem)) this.listener.renewed();
  }

  private fail(kind: Problem['kind'], error: HydraError): void {
    if (this.hasClosed) return;
    const { random } = this.options;
    const failures = (this.problem?.failures ?? 0) + 1;
    const notBefore = this.now + backoffMs(NEED_PAUSES, failures, random);
    this.problem = { kind, error, failures, notBefore };
    this.listener.failed(`${wordsOf(error)}${this.untilWhen()}`);
    if (this.login) this.renewIn(backoffMs(RENEWAL_PAUSES, failures, random));
  }

  private msToRenewal({ expiresAt }: Login): number | undefined {
    if (this.problem) return backoffMs(RENEWAL_PAUSES, this.problem.failures, this.options.random);
    if (expiresAt === undefined) return undefined;
    const lifeMs = expiresAt - this.options.clock.now();
    // Those that are given again and again after their end must not be asked for without a pause.
    return Math.max(renewalInMs(lifeMs, this.options.random), lifeMs > 0 ? 1 : RENEWAL_PAUSES.minMs);
  }

  private renewIn(ms: number | undefined): void {
    const { clock } = this.options;
    clock.clear(this.timer);
    if (ms === undefined || this.hasClosed) return;
    const isTooLong = ms > MAX_TIMER_MS;
    const due = () => (isTooLong ? this.renewIn(ms - MAX_TIMER_MS) : void this.ask());
    this.timer = clock.setTimeout(due, Math.min(ms, MAX_TIMER_MS));
  }

  private get now(): number {
    return this.options.clock.monotonic();
  }

  private mayStillHold(): boolean {
    const { state } = this;
    if (state.name !== 'held') return false;
    const { expiresAt = Infinity } = state.login;
    return this.options.clock.now() < expiresAt;
  }

  private untilWhen(): string {
    const { expiresAt } = this.login ?? {};
    if (expiresAt === undefined) return '';
    const leftMs = expiresAt - this.options.clock.now();
    const seconds = Math.round(Math.abs(leftMs) / 1_000);
    return leftMs > 0 ? `; those there are expire in ${seconds} s` : `; they expired ${seconds} s ago`;
  }
}

function wordsOf({ message }: HydraError): string {
  return message.replace(/^\[\w+\] /, '');
}
