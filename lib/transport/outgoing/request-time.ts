import { HydraError } from '../../hydra-error.js';
import { LONGEST_TIMER_MS } from '../../hydra-options.js';
import type { CallRequest } from './outgoing-call.js';

/** What a request waits for: it says what it means that its time is over. */
type Stage = 'connection' | 'serializer' | 'redis';

/** The time of one request, which counts from its user's call to the end of everything. */
export class RequestTime {
  stage: Stage = 'connection';
  /** Nobody waits any more: what was not sent must not be. */
  isOver = false;
  /** Told when that is so. */
  onOver: (() => void) | undefined;

  private constructor(
    private readonly request: CallRequest,
    private readonly service: string,
  ) {}

  /**
   * Does what a request takes, within its time.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` where there was no connection; `TIMEOUT`, where it had been sent or not
   */
  static async limit<T>(
    request: CallRequest,
    service: string,
    act: (time: RequestTime) => Promise<T>,
  ): Promise<T> {
    const time = new RequestTime(request, service);
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      const expire = () => {
        time.isOver = true;
        time.onOver?.();
        reject(time.error());
      };
      timer = setTimeout(expire, Math.min(request.timeoutMs, LONGEST_TIMER_MS));
    });
    try {
      return await Promise.race([act(time), over]);
    } finally {
      clearTimeout(timer);
    }
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
