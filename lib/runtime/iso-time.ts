import { rememberLast } from './remember-last.js';

/**
 * Unix time in milliseconds as ISO 8601, UTC. Making this text costs as much as the rest of a message, and many messages are
 * made in one millisecond.
 */
export const isoTime = rememberLast((ms: number) => new Date(ms).toISOString());

/** The inverse of {@link isoTime}: NaN for what is no time. */
export const readIsoTime = rememberLast(Date.parse);
