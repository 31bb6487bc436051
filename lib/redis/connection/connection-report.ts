import { Logger } from '@nestjs/common';

import type { Clock } from '../../runtime/clock.js';
import { ThrottledLogger } from '../../runtime/throttled-logger.js';
import { reasonOf } from './connect-error.js';
import { OLDEST_REDIS, type ServerInfo } from './server-info.js';

/** The same reason is logged again after this many milliseconds. Without Redis, connecting fails ten times a second. */
const LOG_AGAIN_MS = 30_000;

/** Logs what happens to the connections: each reason once, and again after a while if it lasts. */
export class ConnectionReport {
  private readonly logger = new Logger('Hydra');
  private readonly throttled: ThrottledLogger;
  private last: string | undefined;
  private hasWarnedOfVersion = false;

  constructor(clock: Clock) {
    this.throttled = new ThrottledLogger(clock, LOG_AGAIN_MS);
  }

  /** The last reason why there is no connection. */
  get reason(): string | undefined {
    return this.last;
  }

  connected(server: ServerInfo | undefined, place: string, wasLost: boolean): void {
    const { product = 'Redis', version } = server ?? {};
    this.last = undefined;
    this.throttled.reset();
    this.logger.log(
      `connected to ${version === undefined ? product : `${product} ${version}`} at ${place}${wasLost ? ' again' : ''}`,
    );
    if (version !== undefined || this.hasWarnedOfVersion) return;
    this.hasWarnedOfVersion = true;
    this.logger.warn(`Redis does not tell its version; ${OLDEST_REDIS} or newer is needed`);
  }

  /** Messages go everywhere, and no count proves who received them. */
  unsharded({ message }: Error): void {
    this.throttled.warn('unsharded', `no sharded pub/sub, each message goes to all nodes: ${message}`);
  }

  lost(where: string): void {
    this.logger.warn(`lost the connection to Redis at ${where}; reconnecting`);
  }

  failed(role: string, error: Error): void {
    const reason = reasonOf(error);
    this.last = reason;
    this.throttled.warn(reason, `Redis (${role}): ${reason}; trying again`);
  }

  /** Credentials could not be renewed, or are refused: the connections that stand go on. */
  credentials(text: string): void {
    this.throttled.warn('credentials', text);
  }

  warn(text: string): void {
    this.logger.warn(text);
  }
}
