import { NOW } from '../../redis/lua-clock.js';
import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { FIND, TAKEN_IDS, WAKE } from './script-parts.js';

/**
 * Have a delayed job fall due in so many milliseconds from now.
 *
 * KEYS  1 delayed   2 idle   3 hints
 * ARGV  1 its text   2 ms   3 wake channel of one up to the worker   4 its pattern   5 its id   6 when it was added (Unix ms)
 * Returns 1, or 0 when it is not delayed (any more).
 *
 * One script, because a worker may take it at the same time: it would come back.
 */
export const changeDelay = new Script<number>(
  'queue.changeDelay',
  3,
  `${NOW}${NEED}${WAKE}${TAKEN_IDS}
need('ZSCORE', KEYS[1], 'a') need('ZADD', KEYS[1], 1, 'a') need('ZRANGE', KEYS[1], 0, 0) need('HSET', KEYS[3], 'a', 'b') need('HGET', KEYS[3], 'a') needWake(KEYS[2], ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[3], ARGV[5], hintOf(ARGV[6], now + ARGV[2], dedupOf(redis.call('HGET', KEYS[3], ARGV[5])))) end
-- Somebody has to know when it falls due, unless something does before it.
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] == ARGV[1] or ARGV[2] == '0' then wake(KEYS[2], ARGV[3], ARGV[4]) end
return 1
`,
);

/**
 * Put another text in the place of a job that waits or is delayed; what is remembered of it is remembered of that.
 *
 * KEYS  1 the list or sorted set that it is in   2 state
 * ARGV  1 its text   2 the text that it is to have   3 its index in the list when it was seen   4 the length of that then
 * Returns 1; 0 when it was not there any more; or -1 where it has to be looked for again, since the list has moved.
 *
 * One script, because a worker may take it at the same time.
 */
export const replaceText = new Script<number>(
  'queue.replaceText',
  2,
  `${NEED}${FIND}
need('TYPE', KEYS[1]) need('HGET', KEYS[2], 'a') need('HSET', KEYS[2], 'a', 'b') need('HDEL', KEYS[2], 'a')
local isList = redis.call('TYPE', KEYS[1]).ok == 'list'
if isList then
  needFind(KEYS[1]) need('LSET', KEYS[1], 0, 'a')
else
  need('ZSCORE', KEYS[1], 'a') need('ZADD', KEYS[1], 1, 'a') need('ZREM', KEYS[1], 'a')
end
if isList then
  local at = find(KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]))
  if not at then return 0 end
  if at < 0 then return -1 end
  redis.call('LSET', KEYS[1], at, ARGV[2])
else
  local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if not score then return 0 end
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('ZADD', KEYS[1], score, ARGV[2])
end
local state = redis.call('HGET', KEYS[2], ARGV[1])
if state and ARGV[1] ~= ARGV[2] then
  redis.call('HSET', KEYS[2], ARGV[2], state)
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return 1
`,
);
