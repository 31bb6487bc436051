import { withTimeout } from '../../runtime/waiting.js';
import type { Clock } from '../../runtime/clock.js';

/** As many commands as one examination asks at most. */
export const MAX_COMMANDS = 60;
/** A server that answers no command for so long is not waited for. */
const ANSWER_WITHIN_MS = 1_500;

/** What Redis is asked for one examination: counted, since a doctor must not weigh on what it looks at. */
export class Asked {
  private count = 0;

  constructor(private readonly clock: Clock) {}

  get commands(): number {
    return this.count;
  }

  /** How many may still be asked. */
  get left(): number {
    return MAX_COMMANDS - this.count;
  }

  /** Commands that somebody else has asked for it, or asks at most. */
  note(commands: number): void {
    this.count += commands;
  }

  /**
   * One command, or the number that it may be at most. Past `RedisConnections.run`, which takes note of what Redis refuses: here
   * that is an answer.
   */
  async ask<T>(what: string, command: () => Promise<T>, most = 1): Promise<T> {
    this.count += most;
    try {
      return await withTimeout(this.clock, command(), ANSWER_WITHIN_MS, late);
    } catch (cause) {
      throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}

function late(): Error {
  return new Error(`no answer within ${ANSWER_WITHIN_MS} ms`);
}
