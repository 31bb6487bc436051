import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { NOW } from '../../redis/lua-clock.js';
import { ENTER, KEEP_IDS, TAKEN_IDS, WAKE } from './script-parts.js';

/**
 * Under this name, which no schedule has, stands the mark of the data: who has seen another one knows that Redis lost the
 * schedules meanwhile. It stays for a day after the last schedule ended, and while somebody looks.
 */
export const MARK = `''`;
export const MARK_MS = 86_400_000;

/** Added to scripts: whether nothing but the mark is left. What was set by another version may be without a mark. */
const EMPTY = `
need('HEXISTS', KEYS[1], 'a')
local function isEmpty() return redis.call('HLEN', KEYS[1]) == 1 and redis.call('HEXISTS', KEYS[1], ${MARK}) == 1 end
`;

/**
 * Set a repeating job, unless it is there already just so.
 *
 * KEYS  1 schedules   2 ticks   3 ticked
 * ARGV  1 name   2 definition   3 next tick (Unix ms)   4 wake channel   5 mark, where there is none   6 '1' when the first
 *       tick is now, where it was not there   7 jobs it adds at most, '' for no limit   8 start (Unix ms)
 * Returns the mark; or, nothing being set, the instant (Unix ms) that its next tick must come after: that one has passed, or
 *   has had its job.
 *
 * One script, because every instance sets it when it starts, and none may move a tick that is due, or begin to count anew.
 */
export const setSchedule = new Script<string | number>(
  'queue.setSchedule',
  3,
  `${NOW}${NEED}
need('HDEL', KEYS[3], 'a') need('HGET', KEYS[3], 'a')
need('HSETNX', KEYS[1], 'a', 'b') need('HSET', KEYS[1], 'a', 'b') need('HGET', KEYS[1], 'a') need('PERSIST', KEYS[1])
need('ZADD', KEYS[2], 1, 'a') need('ZSCORE', KEYS[2], 'a') need('PUBLISH', ARGV[4], 'a')
local known, tick = redis.call('HGET', KEYS[1], ARGV[1]), tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '')
local added, last = string.match(redis.call('HGET', KEYS[3], ARGV[1]) or '', '^(%d+) (%S+)')
local isSame = known == ARGV[2]
local isOver = isSame and ARGV[7] ~= '' and tonumber(added or 0) >= tonumber(ARGV[7])
local isKept = isOver or (isSame and tick)
local isDue = known and tick and tick <= now and tick >= tonumber(ARGV[8])
local isFirstNow = ARGV[6] == '1' and not known
local passed = math.max(now, tonumber(last or 0) or 0)
if not isKept and not isDue and not isFirstNow and tonumber(ARGV[3]) <= passed then return passed end
redis.call('HSETNX', KEYS[1], ${MARK}, ARGV[5])
if not isKept then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PERSIST', KEYS[1])
  if not isSame then redis.call('HDEL', KEYS[3], ARGV[1]) end
  if not isDue then redis.call('ZADD', KEYS[2], isFirstNow and now or ARGV[3], ARGV[1]) end
  redis.call('PUBLISH', ARGV[4], 'schedule')
end
return redis.call('HGET', KEYS[1], ${MARK})
`,
);

/**
 * Read which repeating jobs there are.
 *
 * KEYS  1 schedules
 * Returns the mark, '' where there is none, then the names.
 *
 * One script, so that mark and names are of one instant.
 */
export const lookAtSchedules = new Script<string[]>(
  'queue.lookAtSchedules',
  1,
  `${NEED}
need('HGET', KEYS[1], 'a') need('HKEYS', KEYS[1]) need('PEXPIRE', KEYS[1], 1)
local found = { redis.call('HGET', KEYS[1], ${MARK}) or '' }
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do if name ~= ${MARK} then found[#found + 1] = name end end
if #found == 1 then redis.call('PEXPIRE', KEYS[1], ${MARK_MS}) end
return found
`,
);

/**
 * End a repeating job.
 *
 * KEYS  1 schedules   2 ticks   3 ticked
 * ARGV  1 name
 * Returns 1, or 0 when there is none.
 *
 * One script, so that no tick is left without its definition.
 */
export const endSchedule = new Script<number>(
  'queue.endSchedule',
  3,
  `${NEED}
need('HDEL', KEYS[3], 'a') need('HDEL', KEYS[1], 'a') need('ZREM', KEYS[2], 'a') need('HLEN', KEYS[1]) need('PEXPIRE', KEYS[1], 1)
${EMPTY}
local ended = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if isEmpty() then redis.call('PEXPIRE', KEYS[1], ${MARK_MS}) end
return ended
`,
);

/**
 * Read the repeating jobs whose tick has come.
 *
 * KEYS  1 schedules   2 ticks   3 ticked   4 ids
 * Returns the Redis clock (Unix ms), then for each: name, tick, definition, the number of jobs that it has added, and '1' where
 *   the last of them has not ended.
 *
 * One script, so that a tick and its definition belong together.
 */
export const dueTicks = new Script<string[]>(
  'queue.dueTicks',
  4,
  `${NOW}${NEED}
need('HGET', KEYS[3], 'a') need('ZSCORE', KEYS[4], 'a') need('ZRANGEBYSCORE', KEYS[2], 0, 1) need('HGET', KEYS[1], 'a') need('ZREM', KEYS[2], 'a')
local due = { string.format('%.0f', now) }
local ticks = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 100)
for i = 1, #ticks, 2 do
  local definition = redis.call('HGET', KEYS[1], ticks[i])
  if definition then
    due[#due + 1] = ticks[i]
    due[#due + 1] = ticks[i + 1]
    due[#due + 1] = definition
    local added, last = string.match(redis.call('HGET', KEYS[3], ticks[i]) or '', '^(%d+) (%S+)')
    local taken = last and redis.call('ZSCORE', KEYS[4], ticks[i] .. ':' .. last)
    due[#due + 1] = added or '0'
    due[#due + 1] = taken and tonumber(taken) < 0 and '1' or ''
  else
    redis.call('ZREM', KEYS[2], ticks[i])
  end
end
return due
`,
);

/**
 * Add the job of one tick, and set the next one.
 *
 * KEYS  1 schedules   2 ticks   3 the list that the job goes to   4 ticked   5 ids   6 ranked   7 patterns   8 idle   9 hints
 * ARGV  1 name   2 tick   3 definition   4 next tick, '' when there is none   5 job, '' to add none   6 its id, '' when nobody
 *       asks whether it has ended   7 ms for which that stays taken when the job has ended, '' for the usual time   8 jobs added with this one
 *       9 '1' to keep the definition when there is no next tick   10 what its priority is called   11 pattern
 *       12 wake channel of one up to the worker
 * Returns 1, or 0 when another instance was first, or the definition has changed.
 *
 * One script, with the tick as the token that only one instance can spend.
 */
export const fireTick = new Script<number>(
  'queue.fireTick',
  9,
  `${NOW}${NEED}${WAKE}${ENTER}${TAKEN_IDS}
need('ZADD', KEYS[2], 1, 'a') need('ZREM', KEYS[2], 'a') need('HDEL', KEYS[1], 'a') need('HLEN', KEYS[1])
need('PEXPIRE', KEYS[1], 1) need('HGET', KEYS[1], 'a') need('ZSCORE', KEYS[2], 'a')
need('HDEL', KEYS[4], 'a') need('HSET', KEYS[4], 'a', 'b') need('ZADD', KEYS[5], 1, 'a') need('PERSIST', KEYS[5]) need('HSET', KEYS[9], 'a', 'b')
needEnter(KEYS[3], KEYS[6], KEYS[7]) needWake(KEYS[8], ARGV[12])
${EMPTY}
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[3] then return 0 end
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '') ~= tonumber(ARGV[2]) then return 0 end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
else
  redis.call('ZREM', KEYS[2], ARGV[1])
  if ARGV[9] ~= '1' then
    redis.call('HDEL', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[4], ARGV[1])
  end
  if isEmpty() then redis.call('PEXPIRE', KEYS[1], ${MARK_MS}) end
end
if ARGV[5] == '' then return 1 end
if ARGV[4] ~= '' or ARGV[9] == '1' then redis.call('HSET', KEYS[4], ARGV[1], ARGV[8] .. ' ' .. ARGV[2]) end
if ARGV[6] ~= '' then
  redis.call('ZADD', KEYS[5], takenSince(ARGV[2]), ARGV[6])
  redis.call('PERSIST', KEYS[5])
  if ARGV[7] ~= '' then redis.call('HSET', KEYS[9], ARGV[6], hintOf(ARGV[2], now, ARGV[7])) end
end
enter(KEYS[3], ARGV[5], ARGV[10], false, KEYS[6], KEYS[7], ARGV[11])
wake(KEYS[8], ARGV[12], ARGV[11])
return 1
`,
);

/**
 * Let the jobs of ticks count as ended that were found nowhere.
 *
 * KEYS  1 ids   2 hints
 * ARGV  for each: its id, and its score
 * Returns the number of those that count as ended.
 *
 * One script, because the job may have ended meanwhile after all: its id is left alone then.
 */
export const endTicks = new Script<number>(
  'queue.endTicks',
  2,
  `${NOW}${NEED}${KEEP_IDS}${TAKEN_IDS}
need('ZADD', KEYS[1], 1, 'a') need('ZSCORE', KEYS[1], 'a') need('ZCOUNT', KEYS[1], 0, 1) need('ZRANGE', KEYS[1], 0, 0)
need('PEXPIREAT', KEYS[1], 1) need('HGET', KEYS[2], 'a') need('HDEL', KEYS[2], 'a')
local count = 0
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], freeAt(ARGV[i + 1], redis.call('HGET', KEYS[2], ARGV[i])), ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i])
    count = count + 1
  end
end
if count > 0 then endureIds(KEYS[1]) end
return count
`,
);
