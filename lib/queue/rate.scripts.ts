import { Script } from '../redis/script.js';
import { NOW } from './now.js';

/**
 * Take from a pattern's rate limit, a bucket of `max` tokens that fills up evenly.
 *
 * KEYS  1 rates
 * ARGV  1 pattern   2 max   3 ms in which the bucket fills   4 tokens wanted
 * Returns the tokens given, and the milliseconds until there is another one.
 *
 * One script, because two workers could take the same token.
 */
export const takeTokens = new Script<readonly [given: number, waitMs: number]>(
  'queue.takeTokens',
  1,
  `${NOW}
local max, period, wanted = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tokens, at = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%S+) (%S+)$')
tokens = tokens and math.min(max, tokens + math.max(0, now - at) * max / period) or max
local given = math.min(wanted, math.floor(tokens))
tokens = tokens - given
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.6f %.0f', tokens, now))
redis.call('PEXPIRE', KEYS[1], math.max(86400000, period))
return { given, math.ceil(math.max(0, 1 - tokens) * period / max) }
`,
);
