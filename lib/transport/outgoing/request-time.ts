import { HydraError } from '../../hydra-error.js';
import type { Clock } from '../../runtime/clock.js';
import { rejectAfter } from '../../runtime/waiting.js';
import type { CallRequest } from './outgoing-call.js';

/** What a request waits for; the error names it when the time is over. */
type Stage = 'connection' | 'serializer' | 'redis';

/** The time of one request, from the call of the method to its end. */
export class RequestTime {
  private stage: Stage = 'connection';
  private hasExpired = false;
  private giveUp: (() => void) | undefined;

  private constructor(
    private readonly request: CallRequest,
    private readonly service: string,
  ) {}

  /**
   * Runs a request within its time.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` where there was no connection; `TIMEOUT`, where it had been sent or not
   */
  static async limit<T>(
    request: CallRequest,
    { service, clock }: { readonly service: string; readonly clock: Clock },
    act: (time: RequestTime) => Promise<T>,
  ): Promise<T> {
    const time = new RequestTime(request, service);
    const { expired, cancel } = rejectAfter(clock, request.timeoutMs, () => time.expire(), { ref: true });
    try {
      return await Promise.race([act(time), expired]);
    } finally {
      cancel();
    }
  }

  /** The time of the request continues during this step. */
  enter(stage: Stage): void {
    this.stage = stage;
  }

  /** Has this called when the time is over. */
  whenOver(giveUp: () => void): void {
    this.giveUp = giveUp;
  }

  /** The time is over: what was not sent must not be sent. */
  get isOver(): boolean {
    return this.hasExpired;
  }

  private expire(): HydraError {
    this.hasExpired = true;
    this.giveUp?.();
    return this.error();
  }

  private error(): HydraError {
    const { pattern, timeoutMs } = this.request;
    const what = `"${pattern}" to "${this.service}"`;
    const limit = `within timeoutMs=${timeoutMs}`;
    if (this.stage === 'redis')
      return new HydraError('TIMEOUT', `${what}: Redis did not confirm it ${limit}`);
    const facts = { mayHaveRun: false };
    return this.stage === 'connection'
      ? new HydraError('REDIS_UNAVAILABLE', `${what} was not sent: no connection to Redis ${limit}`, facts)
      : new HydraError('TIMEOUT', `${what} was not sent: its serializer was not done ${limit}`, facts);
  }
}
