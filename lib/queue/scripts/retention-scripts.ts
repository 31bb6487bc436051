import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { NOW } from '../../redis/lua-clock.js';
import { ALLOW_OOM, KEEP, KEEP_IDS, MEND_IDS, TAKEN_IDS } from './script-parts.js';

/** Dead letters looked at by one script at most, and bytes of them. */
const MAX_LETTERS = 500;
const MAX_BYTES = 1_048_576;

/**
 * Forget what finished too long ago, or is more than is kept, and ids that are not taken any more.
 *
 * Dead letters stand in the order in which they died. One without a date, as a Hydra 1.x worker writes it, is as old as the
 * next dated one behind it, at least, and goes with that.
 *
 * KEYS  1 results   2 finished   3 died   4 dead letters   5 ids
 * ARGV  1 ms for which outcomes of completed jobs are kept   2 the same of dead letters   3 oldest instant of a dead letter,
 *       by the clock of Redis (ISO 8601); '' where that is not known yet: then none is too old   4 number of either to forget
 *       at most   5 index of the dead letter to look at first   6 outcomes of completed jobs kept   7 dead letters, and
 *       outcomes of jobs that died or were cancelled, kept
 * Returns the number forgotten; the index for the next look: 0, unless it ended among letters without a date; 1 where
 *   more is left than one call may forget; and the clock.
 *
 * One script, because both ends of the look and the removal must be the same element.
 */
export const forgetOld = new Script<readonly [forgotten: number, next: number, hasMore: number, now: number]>(
  'queue.forgetOld',
  5,
  `${NOW}${NEED}${KEEP}${KEEP_IDS}${TAKEN_IDS}${MEND_IDS}
need('HDEL', KEYS[1], 'a') need('ZREM', KEYS[2], 'a') need('ZREM', KEYS[3], 'a') need('LPOP', KEYS[4]) need('LTRIM', KEYS[4], 0, 1)
need('ZREM', KEYS[5], 'a') need('ZADD', KEYS[5], 1, 'a') need('ZCARD', KEYS[2]) need('ZCARD', KEYS[3]) need('ZRANGE', KEYS[3], 0, 0) need('ZRANGE', KEYS[2], 0, 0) need('LLEN', KEYS[4])
need('PEXPIRE', KEYS[1], 1) need('PEXPIREAT', KEYS[5], 1) need('LRANGE', KEYS[4], 0, 0) need('PTTL', KEYS[1])
need('ZCOUNT', KEYS[5], 0, 1) need('ZRANGEBYSCORE', KEYS[5], 0, 1)
${ALLOW_OOM}
local most = tonumber(ARGV[4])
local forgotten, hasMore = 0, 0
local function drop(set, ids)
  if #ids == 0 then return end
  redis.call('ZREM', set, unpack(ids))
  redis.call('HDEL', KEYS[1], unpack(ids))
  forgotten = forgotten + #ids
  if #ids == most then hasMore = 1 end
end
local function forget(set, oldest)
  drop(set, redis.call('ZRANGEBYSCORE', set, '-inf', '(' .. string.format('%.0f', oldest), 'LIMIT', 0, most))
end
forget(KEYS[2], now - ARGV[1])
forget(KEYS[3], now - ARGV[2])
local function trim(set, kept)
  local surplus = math.min(most, redis.call('ZCARD', set) - kept)
  if surplus > 0 then drop(set, redis.call('ZRANGE', set, 0, surplus - 1)) end
end
trim(KEYS[2], ARGV[6])
trim(KEYS[3], ARGV[7])
endure(KEYS[1], math.max(ARGV[1], ARGV[2]))
endure(KEYS[2], ARGV[1])
endure(KEYS[3], ARGV[2])

mendIds(KEYS[5], most)
-- Those below zero are of jobs that are there.
local free = redis.call('ZRANGEBYSCORE', KEYS[5], '(0', now, 'LIMIT', 0, most)
if #free > 0 then redis.call('ZREM', KEYS[5], unpack(free)) end
if #free == most then hasMore = 1 end
endureIds(KEYS[5])

-- Without reading them: they may be large.
local tooMany = math.max(0, math.min(most, redis.call('LLEN', KEYS[4]) - ARGV[7]))
if tooMany > 0 then
  redis.call('LTRIM', KEYS[4], tooMany, -1)
  forgotten = forgotten + tooMany
  if tooMany == most then hasMore = 1 end
end

local from, bytes, isEnd = math.max(0, ARGV[5] - tooMany), 0, false
local at, old = from, 0
while not isEnd and at < from + math.min(most, ${MAX_LETTERS}) and bytes < ${MAX_BYTES} do
  local letters = redis.call('LRANGE', KEYS[4], at, math.min(at + 19, from + math.min(most, ${MAX_LETTERS}) - 1))
  if #letters == 0 then isEnd = true end
  for _, letter in ipairs(letters) do
    local head = string.find(letter, '"hydraDead":', 1, true)
    local on = head and string.match(letter, '"diedOn":"([^"]+)"', head)
    if on and on >= ARGV[3] then
      isEnd = true
      break
    end
    at, bytes = at + 1, bytes + #letter
    if on then old = at end
  end
end
local next = isEnd and 0 or at
if old == 0 then return { forgotten, next, hasMore, now } end
local gone = math.min(old, most)
redis.call('LPOP', KEYS[4], gone)
if not isEnd then hasMore = 1 end
-- The last old one is where the next look begins, if there are more in front of it than one call may take.
return { forgotten + gone, math.max(0, old - gone - 1), hasMore, now }
`,
);
