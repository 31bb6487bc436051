import { loginIn, type CredentialsProvider } from '../../options/credentials-options.js';
import type { RedisLocation } from '../../hydra-options.js';
import { backoffMs } from '../../runtime/backoff.js';
import type { Timer } from '../../runtime/clock.js';
import { markOf, type Hearing } from '../connection/hearing.js';
import type { Link, Runtime } from '../connection/link.js';
import type { SamePrimary } from '../connection/same-primary.js';
import { redisError } from '../redis-error.js';
import type { Subscriptions } from '../subscriptions.js';
import { CredentialKeeper } from './credential-keeper.js';
import { refusesLogin } from './driver-login.js';

/** The pauses before a subscriber that could not be replaced is replaced. */
const REPLACE_PAUSES = { minMs: 1_000, maxMs: 30_000 };
/** It may happen now and then that the second connection is not in place in time. */
const QUIET_FAILURES = 2;

export interface RotationOptions extends Runtime {
  readonly redis: RedisLocation;
  readonly provider: CredentialsProvider;
  /** Is told when they cannot be renewed, or are refused by a connection that stands. */
  readonly failed: (text: string) => void;
}

/** The connections that show the credentials. */
export interface RotatingParts {
  readonly links: Pick<SamePrimary, 'logInAgain'>;
  readonly listener: Link;
  readonly subscriptions: Subscriptions;
  readonly hearing: Hearing;
}

/**
 * Logs all connections in again whenever there are new credentials. Nothing is interrupted: AUTH queues behind the
 * commands of its connection. A subscriber takes no AUTH with RESP2: a second one is made, and takes its place.
 */
export class Rotation {
  readonly keeper: CredentialKeeper;
  private parts: RotatingParts | undefined;
  private replacing: Promise<boolean | Error> | undefined;
  /** Attempts to replace the subscriber that failed in a row, and why the last one did. */
  private unreplaced: { readonly failures: number; readonly warning?: string | undefined } = { failures: 0 };
  private timer: Timer | undefined;
  private replacements = 0;
  private hasClosed = false;

  constructor(private readonly options: RotationOptions) {
    const { clock, random, redis, provider, failed } = options;
    this.keeper = new CredentialKeeper(
      { clock, random, provider, username: loginIn(redis).username },
      { renewed: () => void this.renew(), failed },
    );
  }

  attend(parts: RotatingParts): void {
    this.parts = parts;
  }

  /** What a person should look at. */
  get warning(): string | undefined {
    return this.keeper.warning ?? this.unreplaced.warning;
  }

  /** A connection could not be made, or was refused. */
  failed(error: Error): void {
    if (refusesLogin(error)) this.keeper.refused(error);
  }

  close(): void {
    this.hasClosed = true;
    this.options.clock.clear(this.timer);
    this.keeper.close();
  }

  private async renew(): Promise<void> {
    const refusal = await this.parts?.links.logInAgain();
    if (this.hasClosed) return;
    if (refusal) this.keeper.notTaken(redisError('log in again', refusal));
    else this.keeper.taken();
    await this.replaceListener();
  }

  private async replaceListener(): Promise<void> {
    if (!this.parts || this.replacing) return;
    if (!this.parts.listener.isBehind) return this.replaced();
    this.replacing = this.replace(this.parts);
    const result = await this.replacing;
    this.replacing = undefined;
    if (this.hasClosed) return;
    // There may be newer ones already.
    if (result !== true) this.notReplaced(result);
    else if (this.parts.listener.isBehind) this.replaceIn(0);
    else this.replaced();
  }

  private replaced(): void {
    this.unreplaced = { failures: 0 };
  }

  /** It is tried again also where the listener is not behind any more, as while it is lost. */
  private notReplaced(result: false | Error): void {
    const { random, failed } = this.options;
    const failures = this.unreplaced.failures + 1;
    const why = result
      ? redisError('a second connection', result).message
      : 'the second was not in place in time';
    const isTold = result || failures > QUIET_FAILURES;
    const warning = isTold
      ? `the subscriber still shows older credentials: ${why.replace(/^\[\w+\] /, '')}`
      : undefined;
    this.unreplaced = { failures, warning };
    if (warning !== undefined) failed(warning);
    this.replaceIn(backoffMs(REPLACE_PAUSES, failures, random));
  }

  private replaceIn(ms: number): void {
    const { clock } = this.options;
    clock.clear(this.timer);
    this.timer = clock.setTimeout(() => void this.replaceListener(), ms);
  }

  private replace({ listener, subscriptions, hearing }: RotatingParts): Promise<boolean | Error> {
    return listener.replace((next, swap) => {
      const name = `${++this.replacements}`;
      const publishMark = () => hearing.mark(name);
      const { clock } = this.options;
      return subscriptions.moveTo(next, { clock, mark: markOf(name), publishMark, swap });
    });
  }
}
