import { Logger } from '@nestjs/common';

import type { Clock } from '../../runtime/clock.js';
import { reasonOf } from './connect-error.js';
import { OLDEST_REDIS, type ServerInfo } from './server-info.js';

/** A reason is said again after so long, in milliseconds; an absent Redis fails ten times a second. */
const SAY_AGAIN_MS = 30_000;
const MAX_REASONS = 20;

/** Says in the log what becomes of the connections: each reason once, and again after a while if it lasts. */
export class ConnectionReport {
  private readonly logger = new Logger('Hydra');
  private readonly saidAt = new Map<string, number>();
  private last: string | undefined;
  private hasWarnedOfVersion = false;

  constructor(private readonly clock: Clock) {}

  /** Why there is no connection, as last heard. */
  get reason(): string | undefined {
    return this.last;
  }

  connected(server: ServerInfo | undefined, place: string, wasLost: boolean): void {
    const { product = 'Redis', version } = server ?? {};
    this.last = undefined;
    this.saidAt.clear();
    this.logger.log(
      `connected to ${version === undefined ? product : `${product} ${version}`} at ${place}${wasLost ? ' again' : ''}`,
    );
    if (version !== undefined || this.hasWarnedOfVersion) return;
    this.hasWarnedOfVersion = true;
    this.logger.warn(`Redis does not tell its version; ${OLDEST_REDIS} or newer is needed`);
  }

  lost(where: string): void {
    this.logger.warn(`lost the connection to Redis at ${where}; reconnecting`);
  }

  failed(role: string, error: Error): void {
    const now = this.clock.monotonic();
    const reason = reasonOf(error);
    this.last = reason;
    const saidAt = this.saidAt.get(reason);
    if (saidAt !== undefined && now - saidAt < SAY_AGAIN_MS) return;
    if (this.saidAt.size >= MAX_REASONS) this.saidAt.clear();
    this.saidAt.set(reason, now);
    this.logger.warn(`Redis (${role}): ${reason}; trying again`);
  }

  warn(text: string): void {
    this.logger.warn(text);
  }
}
