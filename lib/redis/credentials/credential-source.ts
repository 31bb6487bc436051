import { HydraError } from '../../hydra-error.js';
import {
  checkedLogin,
  type CredentialsFunction,
  type CredentialsProvider,
  type Login,
  type StreamingCredentials,
} from '../../options/credentials-options.js';
import type { Clock } from '../../runtime/clock.js';
import { callUserCode } from '../../runtime/user-code.js';
import { withTimeout } from '../../runtime/waiting.js';

/** How long a provider may take, in milliseconds. */
const ANSWER_WITHIN_MS = 10_000;

/** A provider of either kind, asked in one way. Each answer is checked, and has a limit. */
export interface CredentialSource {
  /** @throws HydraError `REDIS_UNAVAILABLE` when the provider fails or does not answer; `BAD_OPTION` for a useless answer */
  ask(): Promise<Login>;
  /** Redis refused what it gave. */
  refused(error: Error): void;
  close(): void;
}

export interface SourceListener {
  /** The provider gave new credentials without being asked. */
  renewed(login: Login): void;
  /** It tried to get some, and could not. */
  failed(error: HydraError): void;
}

export interface SourceOptions {
  readonly clock: Clock;
  /** The user where the provider names none. */
  readonly username: string | undefined;
}

export function sourceOf(
  provider: CredentialsProvider,
  options: SourceOptions,
  listener: SourceListener,
): CredentialSource {
  if (typeof provider === 'function') return new AskedSource(provider, options);
  return new StreamedSource(provider, options, listener);
}

class AskedSource implements CredentialSource {
  constructor(
    private readonly provider: CredentialsFunction,
    private readonly options: SourceOptions,
  ) {}

  async ask(): Promise<Login> {
    const given = await answerOf(async () => this.provider(), this.options.clock);
    return checkedLogin(given, this.options.username);
  }

  refused(): void {}

  close(): void {}
}

class StreamedSource implements CredentialSource {
  private latest: Login | undefined;
  private subscription: { dispose(): void } | undefined;
  private hasClosed = false;

  constructor(
    private readonly provider: StreamingCredentials,
    private readonly options: SourceOptions,
    private readonly listener: SourceListener,
  ) {}

  async ask(): Promise<Login> {
    return this.latest ?? (await this.begin());
  }

  refused(error: Error): void {
    callUserCode('onReAuthenticationError of the provider of credentials', () =>
      this.provider.onReAuthenticationError(error),
    );
  }

  close(): void {
    this.hasClosed = true;
    this.dispose(this.subscription);
    this.subscription = undefined;
  }

  private async begin(): Promise<Login> {
    const begun = answerOf(() => this.provider.subscribe(this.heard), this.options.clock);
    const [first, subscription] = await begun;
    if (this.hasClosed || this.subscription) this.dispose(subscription);
    else this.subscription = subscription;
    // One that was given meanwhile is newer.
    return (this.latest ??= this.checked(first));
  }

  private readonly heard = {
    onNext: (given: unknown) => {
      if (this.hasClosed) return;
      try {
        this.latest = this.checked(given);
        this.listener.renewed(this.latest);
      } catch (error) {
        this.listener.failed(error as HydraError);
      }
    },
    onError: (error: unknown) => {
      if (!this.hasClosed) this.listener.failed(away(error));
    },
  };

  private checked(given: unknown): Login {
    return checkedLogin(given, this.options.username);
  }

  private dispose(subscription: { dispose(): void } | undefined): void {
    callUserCode('dispose() of the provider of credentials', () => subscription?.dispose());
  }
}

async function answerOf<T>(ask: () => Promise<T>, clock: Clock): Promise<T> {
  try {
    return await withTimeout(clock, ask(), ANSWER_WITHIN_MS, () => {
      return new Error(`no answer within ${ANSWER_WITHIN_MS} ms`);
    });
  } catch (error) {
    throw away(error);
  }
}

function away(cause: unknown): HydraError {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new HydraError('REDIS_UNAVAILABLE', `no credentials from their provider: ${reason}`, {
    cause,
    mayHaveRun: false,
  });
}
