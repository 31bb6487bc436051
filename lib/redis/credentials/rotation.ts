import { loginIn, type CredentialsProvider } from '../../options/credentials-options.js';
import type { RedisLocation } from '../../hydra-options.js';
import type { Timer } from '../../runtime/clock.js';
import { markOf, type Hearing } from '../connection/hearing.js';
import type { Link, Runtime } from '../connection/link.js';
import type { SamePrimary } from '../connection/same-primary.js';
import { redisError } from '../redis-error.js';
import type { Subscriptions } from '../subscriptions.js';
import { CredentialKeeper } from './credential-keeper.js';
import { refusesLogin } from './driver-login.js';

/** The pause before a subscriber that could not be replaced is replaced, in milliseconds. */
const REPLACE_AGAIN_MS = 1_000;

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
  private replacing: Promise<boolean> | undefined;
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
    const { clock } = this.options;
    if (!this.parts?.listener.isBehind || this.replacing) return;
    this.replacing = this.replace(this.parts);
    const isDone = await this.replacing;
    this.replacing = undefined;
    if (this.hasClosed || !this.parts.listener.isBehind) return;
    // There may be newer ones already.
    clock.clear(this.timer);
    this.timer = clock.setTimeout(() => void this.replaceListener(), isDone ? 0 : REPLACE_AGAIN_MS);
  }

  private replace({ listener, subscriptions, hearing }: RotatingParts): Promise<boolean> {
    return listener.replace((next, swap) => {
      const name = `${++this.replacements}`;
      const publishMark = () => hearing.mark(name);
      const { clock } = this.options;
      return subscriptions.moveTo(next, { clock, mark: markOf(name), publishMark, swap });
    });
  }
}
