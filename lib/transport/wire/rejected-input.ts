import { inspect } from 'node:util';

import type { ThrottledLogger } from '../../runtime/throttled-logger.js';

const EXCERPT_LENGTH = 120;

/** Logs malformed or foreign input that was dropped, at a bounded rate. */
export function logRejected(log: ThrottledLogger, what: string, input: unknown): void {
  log.warn(`dropped ${what}`, () => {
    const excerpt = inspect(input, { depth: 2, breakLength: Infinity }).slice(0, EXCERPT_LENGTH);
    return `dropped malformed ${what}; the last: ${excerpt}`;
  });
}
