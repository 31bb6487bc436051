import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { NOW } from '../../redis/lua-clock.js';
import { RANK_SUFFIX } from '../model/queue-keys.js';
import { BUSY_MS } from './exchange-scripts.js';
import { ALLOW_OOM, GIVE_BACK, NAMES_OF, PATTERN_OF, TELL, WAKE } from './script-parts.js';

/** What `recover` gives back. */
export type RecoverReply = readonly [
  /** For each worker that was given up: id, jobs given back, ms for which it was silent, '1' where its connection stood. */
  lost: readonly string[],
  /** The leases the worker holds. */
  held: readonly string[],
  /** Patterns that workers have handlers for. */
  patterns: readonly string[],
  now: number,
  /** 1: there is more to give back. */
  hasMore: number,
  /** Patterns with jobs set aside that no worker has a handler for. */
  unserved: number,
];

/** A worker that is given up is known for so long: a job may still be on its way to its inbox, through a slow connection. */
const KNOWN_MS = 60_000;
/** Bytes of jobs moved by one script at most, beside the number it is given. */
const MAX_BYTES = 4_194_304;

/**
 * Renew a worker's life and its patterns, and give back what dead workers held, each job to its place. Jobs set aside for a
 * pattern that no worker serves stay there until their time is over; then they go to the end of the line, some with each
 * call, for whoever takes them to give them up. The pattern is forgotten when it has none any more.
 *
 * KEYS  1 leases of the worker   2 owners   3 high   4 returned   5 state   6 watch   7 patterns   8 waiting   9 idle
 *       10 watched   11 ranked   12 busy   13 history
 * ARGV  1 worker   2 its life in ms   3 key of leases up to the worker's id   4 key of an inbox up to the worker's id
 *       5 wake channel   6 wake channel of one up to the worker   7 key of a list set aside up to the pattern   8 after it
 *       9 after it, of the list that goes first   10 ms for which a worker that is silent, but connected, keeps its jobs
 *       11 ms for which a job is kept for a handler   12 jobs moved at most   13 events channel   14 '1' where
 *       workers of the queue may rest   then the patterns the worker has handlers for
 * Returns {@link RecoverReply}.
 *
 * One script, because a worker may come back between the look and the move. After a pause in which nobody looked (Redis
 * or all workers were away) every worker first has its whole life to show itself again. A worker whose connection still
 * stands, which a message to it shows, is blocked rather than dead. The leases and lists it reads share the slot of its KEYS.
 */
export const recover = new Script<RecoverReply>(
  'queue.recover',
  13,
  `${NOW}${NEED}${PATTERN_OF}${NAMES_OF}${WAKE}${TELL}${GIVE_BACK}
need('ZADD', KEYS[2], 1, 'a') need('RPUSH', KEYS[3], 'a') need('ZADD', KEYS[4], 1, 'a') need('HSET', KEYS[5], 'a', 'b')
need('SET', KEYS[6], 'a') need('ZREM', KEYS[2], 'a') need('HDEL', ARGV[3], 'a') need('PUBLISH', ARGV[5], 'a') needTell(KEYS[10], KEYS[13], ARGV[13])
needWake(KEYS[9], ARGV[6]) need('LMOVE', ARGV[4], KEYS[8], 'RIGHT', 'RIGHT') need('ZADD', KEYS[7], 1, 'a') need('HDEL', KEYS[1], 'a')
need('GET', KEYS[6]) need('HGET', KEYS[5], 'a') need('HKEYS', KEYS[1]) need('EXISTS', KEYS[8]) need('LINDEX', KEYS[8], -1)
need('ZRANGEBYSCORE', KEYS[7], 0, 1) need('ZCOUNT', KEYS[7], 0, 1) need('HDEL', KEYS[9], 'a') need('ZRANGE', KEYS[11], 0, -1) need('SET', KEYS[12], 'a') need('EXISTS', KEYS[1])
${ALLOW_OOM}
local life, blocked, left, bytes = tonumber(ARGV[2]), tonumber(ARGV[10]), tonumber(ARGV[12]), 0
redis.call('ZADD', KEYS[2], now + life, ARGV[1])
for i = 15, #ARGV do redis.call('ZADD', KEYS[7], now + life, ARGV[i]) end
local isBusy = ARGV[14] == '1' and redis.call('EXISTS', KEYS[1]) == 1
local since, last = string.match(redis.call('GET', KEYS[6]) or '', '^(%d+) (%d+)$')
if not last or now - last > life * 2 / 3 or now < tonumber(last) then since = now end
redis.call('SET', KEYS[6], string.format('%.0f %.0f', since, now), 'PX', life * 100)

local function stateOf(job)
  local known, state = pcall(cjson.decode, redis.call('HGET', KEYS[5], job) or '{}')
  if not known or type(state) ~= 'table' then state = {} end
  return state
end

local isWatched = isHeard(KEYS[10], KEYS[13])
local function note(job, owner, silentMs, isConnected)
  local state = stateOf(job)
  local function count(name) state[name] = (tonumber(state[name]) or 0) + 1 end
  count(state.alone and 'lostAlone' or 'lost')
  if isConnected then count(state.alone and 'blockedAlone' or 'blocked') end
  state.alone = nil
  local why = 'lost with its worker ' .. owner
  if isConnected then
    why = why .. ', which was connected and silent for ' .. silentMs .. ' ms: its event loop was blocked, or the process was frozen'
  end
  local history = type(state.history) == 'table' and state.history or {}
  history[#history + 1] = { at = now, error = why }
  if #history > 10 then table.remove(history, 1) end
  state.history = history
  redis.call('HSET', KEYS[5], job, cjson.encode(state))
  local names = isWatched and namesOf(job)
  if names and #names < 8192 then
    tellAll(KEYS[10], KEYS[13], ARGV[13], { '{"type":"stalled",' .. names .. ',"error":' .. cjson.encode(why) .. '}' })
  end
end

local returned, lost, hasMore, served = {}, {}, 0, '-inf'
local function empty(inbox)
  while redis.call('LMOVE', inbox, KEYS[8], 'RIGHT', 'RIGHT') do end
end

-- Gives back the oldest leases of one worker; true when there are no more.
local function giveUp(owner, silentMs, isConnected)
  local key, count = ARGV[3] .. owner, 0
  local leases = redis.call('HKEYS', key)
  table.sort(leases, function(a, b) return fenceOf(a) < fenceOf(b) end)
  for _, lease in ipairs(leases) do
    if left == 0 or bytes > ${MAX_BYTES} then break end
    local job = redis.call('HGET', key, lease)
    redis.call('HDEL', key, lease)
    note(job, owner, silentMs, isConnected)
    giveBack(KEYS[4], KEYS[3], job, fenceOf(lease))
    if #returned < 3 then returned[#returned + 1] = patternOf(job) or '' end
    left, bytes, count = left - 1, bytes + #job, count + 1
  end
  if count > 0 or #leases == 0 then
    for _, text in ipairs({ owner, tostring(count), string.format('%.0f', silentMs), isConnected and '1' or '' }) do lost[#lost + 1] = text end
  end
  return count == #leases
end

-- Those that have waited in vain, oldest first, from a list that nobody has served since then.
local function giveUpWaiting(list, servedUntil)
  while left > 0 and bytes < ${MAX_BYTES} do
    local job = redis.call('LINDEX', list, -1)
    if not job then return end
    local state = stateOf(job)
    local unhandledSince = tonumber(state.unhandledSince) or tonumber(servedUntil)
    if now - unhandledSince < tonumber(ARGV[11]) then return end
    state.unhandledSince = unhandledSince
    redis.call('HSET', KEYS[5], job, cjson.encode(state))
    redis.call('LMOVE', list, KEYS[8], 'RIGHT', 'LEFT')
    left, bytes = left - 1, bytes + #job
  end
end

if now - since >= life then
  local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1000)
  for i = 1, #silent, 2 do
    local owner, silentMs = silent[i], now - silent[i + 1] + life
    empty(ARGV[4] .. owner)
    local holds = redis.call('EXISTS', ARGV[3] .. owner) == 1
    local isConnected = holds and blocked > 0 and redis.call('PUBLISH', ARGV[6] .. owner, '') > 0
    if holds and (not isConnected or silentMs >= blocked) then
      holds = left == 0 or not giveUp(owner, silentMs, isConnected)
      if holds then hasMore = 1 end
    end
    if holds then isBusy = ARGV[14] == '1' end
    if not holds then redis.call('HDEL', KEYS[9], owner) end
    if not holds and silentMs > life + ${KNOWN_MS} then redis.call('ZREM', KEYS[2], owner) end
  end
  -- One that is late with its sign of life may be blocked: what only woke it need not wait for that.
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, now + life / 2, 'LIMIT', 0, 100)) do
    empty(ARGV[4] .. owner)
  end
  served = now
  local expired = redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, 100)
  local ranks = {}
  for _, member in ipairs(#expired > 0 and redis.call('ZRANGE', KEYS[11], 0, -1) or {}) do
    local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
    if rank then
      ranks[pattern] = ranks[pattern] or {}
      table.insert(ranks[pattern], ARGV[7] .. pattern .. '${RANK_SUFFIX}' .. rank)
    end
  end
  for i = 1, #expired, 2 do
    local first, list = ARGV[7] .. expired[i] .. ARGV[9], ARGV[7] .. expired[i] .. ARGV[8]
    giveUpWaiting(first, expired[i + 1])
    giveUpWaiting(list, expired[i + 1])
    for _, ranked in ipairs(ranks[expired[i]] or {}) do giveUpWaiting(ranked, expired[i + 1]) end
    -- Another worker may still believe it served, and set a job aside for it: so not at once.
    if now - expired[i + 1] > life * 10 and not ranks[expired[i]] and redis.call('EXISTS', list, first) == 0 then redis.call('ZREM', KEYS[7], expired[i]) end
  end
end
if isBusy then redis.call('SET', KEYS[12], '1', 'PX', life * 2 + ${BUSY_MS}) end
if #returned > 2 then
  redis.call('PUBLISH', ARGV[5], 'recovered')
else
  for _, pattern in ipairs(returned) do wake(KEYS[9], ARGV[6], pattern) end
end
local unserved = redis.call('ZCOUNT', KEYS[7], '-inf', '(' .. now)
return { lost, redis.call('HKEYS', KEYS[1]), redis.call('ZRANGEBYSCORE', KEYS[7], served, '+inf'), now, hasMore, unserved }
`,
);

/**
 * Say that a worker lives no longer. The last one puts back into the waiting list what Nest workers alone
 * can see, for a Hydra 1.x worker that may be there.
 *
 * KEYS  1 leases of the worker   2 owners   3 waiting   4 high   5 returned   6 patterns   7 inbox of the worker   8 idle
 * ARGV  1 worker   2 key of a list set aside up to the pattern   3 after it   4 after it, of the list that goes first
 *       5 jobs put back at most
 * Returns the number put back: as many as allowed, where there may be more.
 *
 * One script, because two workers that leave together would each take the other for the last. A worker that holds
 * something still is left to the others to recover.
 */
export const leave = new Script<number>(
  'queue.leave',
  8,
  `${NOW}${NEED}
need('ZADD', KEYS[2], 1, 'a') need('LMOVE', KEYS[7], KEYS[3], 'RIGHT', 'RIGHT') need('ZPOPMAX', KEYS[5]) need('RPUSH', KEYS[3], 'a')
need('HDEL', KEYS[8], 'a') need('HDEL', KEYS[1], 'a') need('EXISTS', KEYS[1]) need('ZCOUNT', KEYS[2], 0, 1) need('ZRANGE', KEYS[6], 0, -1)
${ALLOW_OOM}
while redis.call('LMOVE', KEYS[7], KEYS[3], 'RIGHT', 'RIGHT') do end
redis.call('HDEL', KEYS[8], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
-- Not out of the set: a job may still be on its way to the inbox. Whoever comes next looks there, and takes it out.
redis.call('ZADD', KEYS[2], now, ARGV[1])
if redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf') > 0 then return 0 end
local lists = {}
local patterns = redis.call('ZRANGE', KEYS[6], 0, -1)
for _, pattern in ipairs(patterns) do lists[#lists + 1] = ARGV[2] .. pattern .. ARGV[3] end
lists[#lists + 1] = KEYS[4]
for _, pattern in ipairs(patterns) do lists[#lists + 1] = ARGV[2] .. pattern .. ARGV[4] end
local left = tonumber(ARGV[5])
for _, list in ipairs(lists) do
  while left > 0 and redis.call('LMOVE', list, KEYS[3], 'LEFT', 'RIGHT') do left = left - 1 end
end
while left > 0 do
  local last = redis.call('ZPOPMAX', KEYS[5])
  if #last == 0 then break end
  redis.call('RPUSH', KEYS[3], last[1])
  left = left - 1
end
return tonumber(ARGV[5]) - left
`,
);

/**
 * Give back jobs that were taken for a worker which never learnt of them, since the answer got lost.
 *
 * KEYS  1 leases of the worker   2 high   3 returned
 * ARGV  their leases
 *
 * One script, so that a lease and its job move together.
 */
export const giveBack = new Script<number>(
  'queue.giveBack',
  3,
  `${NEED}${GIVE_BACK}
need('HDEL', KEYS[1], 'a') need('RPUSH', KEYS[2], 'a') need('ZADD', KEYS[3], 1, 'a') need('HGET', KEYS[1], 'a')
${ALLOW_OOM}
local count = 0
for _, lease in ipairs(ARGV) do
  local job = redis.call('HGET', KEYS[1], lease)
  if job then
    redis.call('HDEL', KEYS[1], lease)
    giveBack(KEYS[3], KEYS[2], job, fenceOf(lease))
    count = count + 1
  end
end
return count
`,
);

/**
 * Write the state of a job that a worker holds.
 *
 * KEYS  1 leases of the worker   2 state
 * ARGV  1 lease   2 job   3 state
 * Returns 1, or 0 when the worker does not hold it any more.
 *
 * One script, because the state may only be written while the job is held.
 */
export const writeState = new Script<number>(
  'queue.writeState',
  2,
  `${NEED}
need('HEXISTS', KEYS[1], 'a') need('HDEL', KEYS[1], 'a') need('HSET', KEYS[2], 'a', 'b')
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
${ALLOW_OOM}
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
`,
);
