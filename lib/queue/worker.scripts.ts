import { Script } from '../redis/script.js';

/** Added to every script: the Redis clock in milliseconds, so that no instance's own clock matters. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** What `turn` gives back. */
export type TurnReply = readonly [
  refused: readonly string[],
  jobs: readonly string[],
  states: readonly (string | null)[],
  firstFence: string,
  urgent: number,
  isPaused: number,
  nextDueMs: number,
];

/**
 * Act on the outcomes of jobs that a worker holds, and take it further ones: high priority first, then what is due, then
 * what was put aside for patterns it has room for, then the waiting list.
 *
 * KEYS  1 waiting   2 in progress   3 high   4 delayed   5 owners   6 leases of the worker   7 state   8 fence   9 paused
 *       10 incomplete   11 finished   12 results   13 watched   14 ticks   15 progress
 * ARGV  1 worker   2 its life in ms   3 jobs to take   4 events channel   5 completed jobs kept   6 dead letters kept
 *       7 wake channel   8 number of lists set aside to take from, then for each its name and how many
 *       then four for each outcome: what, fence, detail, event
 *         done: detail id   retry: detail '<delay ms> <state>'   dead: detail '<bytes of the id> <id><dead letter>'
 *         back: first in line, detail the state or ''   stray: last in line, detail the state
 *         aside: last in a list set aside, detail the list   front: first in it
 * Returns the fences no longer held (nothing was done for them); the jobs; their states; the first of their fences, which
 *   count up; how many of them, from the first, did not come from the waiting list; whether the queue is paused;
 *   milliseconds until something falls due, or -1.
 *
 * One script, because a crash between a move and its lease would strand a job with nothing to bring it back, and because
 * an outcome counts only while its lease is held. The lists set aside share the slot of its KEYS.
 */
export const turn = new Script<TurnReply>(
  15,
  `${NOW}
redis.call('ZADD', KEYS[5], now + ARGV[2], ARGV[1])
local hasState = redis.call('EXISTS', KEYS[7]) == 1
local hasProgress = redis.call('EXISTS', KEYS[15]) == 1
local refused, events, ids, records = {}, {}, {}, {}
local asides = tonumber(ARGV[8])
-- Alone, the worker gives back to the list that a Hydra 1.x worker reads too.
local front = redis.call('ZCARD', KEYS[5]) > 1 and KEYS[3] or KEYS[1]
local moved = false

local function forget(job, id)
  if hasState then redis.call('HDEL', KEYS[7], job) end
  if hasProgress then redis.call('HDEL', KEYS[15], id) end
end

for i = 9 + asides * 2, #ARGV, 4 do
  local what, fence, detail, event = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  -- Not sent with the outcome: these are the very bytes that were taken.
  local job = redis.call('HGET', KEYS[6], fence)
  if not job then
    refused[#refused + 1] = fence
  else
    redis.call('HDEL', KEYS[6], fence)
    redis.call('LREM', KEYS[2], -1, job)
    if what == 'done' then
      forget(job, detail)
      ids[#ids + 1] = detail
      records[#records + 1] = detail
      records[#records + 1] = event
    elseif what == 'retry' then
      local delay, state = string.match(detail, '^(%d+) (.*)$')
      redis.call('HSET', KEYS[7], job, state)
      redis.call('ZADD', KEYS[4], now + delay, job)
    elseif what == 'dead' then
      local length, rest = string.match(detail, '^(%d+) (.*)$')
      forget(job, string.sub(rest, 1, length))
      redis.call('RPUSH', KEYS[10], string.sub(rest, length + 1))
      redis.call('LTRIM', KEYS[10], -ARGV[6], -1)
    elseif what == 'back' then
      if detail ~= '' then redis.call('HSET', KEYS[7], job, detail) end
      redis.call('RPUSH', front, job)
      moved = true
    elseif what == 'stray' then
      redis.call('HSET', KEYS[7], job, detail)
      redis.call('LPUSH', KEYS[1], job)
    elseif what == 'aside' then
      redis.call('LPUSH', detail, job)
      moved = true
    elseif what == 'front' then
      redis.call('RPUSH', detail, job)
      moved = true
    end
    if event ~= '' then events[#events + 1] = event end
  end
end

local keep = tonumber(ARGV[5])
if #ids > 0 and keep > 0 then
  redis.call('HSET', KEYS[12], unpack(records))
  local surplus = redis.call('LPUSH', KEYS[11], unpack(ids)) - keep
  if surplus > 0 then redis.call('HDEL', KEYS[12], unpack(redis.call('RPOP', KEYS[11], surplus))) end
end
if #events > 0 and redis.call('EXISTS', KEYS[13]) == 1 then
  redis.call('PUBLISH', ARGV[4], '[' .. table.concat(events, ',') .. ']')
end

if moved then redis.call('PUBLISH', ARGV[7], 'moved') end

local jobs, states, first, urgent, paused, due = {}, {}, '', 0, 0, -1
local wanted = tonumber(ARGV[3])

local function add(taken)
  if taken then for _, job in ipairs(taken) do jobs[#jobs + 1] = job end end
end

local function takeFrom(list, most)
  if #jobs < wanted then add(redis.call('RPOP', list, math.min(most, wanted - #jobs))) end
end

local function untilFirst(set)
  local entry = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if #entry > 0 then
    local wait = math.max(0, entry[2] - now)
    if due < 0 or wait < due then due = wait end
  end
end

if wanted > 0 then
  paused = redis.call('EXISTS', KEYS[9])
  if paused == 0 then
    takeFrom(KEYS[3], wanted)
    if #jobs < wanted then
      local ripe = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, wanted - #jobs)
      if #ripe > 0 then
        redis.call('ZREM', KEYS[4], unpack(ripe))
        add(ripe)
      end
    end
    for i = 9, 8 + asides * 2, 2 do takeFrom(ARGV[i], tonumber(ARGV[i + 1])) end
    urgent = #jobs
    takeFrom(KEYS[1], wanted)
    untilFirst(KEYS[4])
  end
  untilFirst(KEYS[14])
end

if #jobs > 0 then
  redis.call('LPUSH', KEYS[2], unpack(jobs))
  local last = redis.call('INCRBY', KEYS[8], #jobs)
  if last == #jobs then
    -- Lost with its data, or never there: start above every fence given out before.
    last = now * 1000 + #jobs
    redis.call('SET', KEYS[8], string.format('%.0f', last))
  end
  local leases = {}
  for i, job in ipairs(jobs) do
    leases[#leases + 1] = string.format('%.0f', last - #jobs + i)
    leases[#leases + 1] = job
  end
  first = leases[1]
  redis.call('HSET', KEYS[6], unpack(leases))
  if redis.call('EXISTS', KEYS[7]) == 1 then states = redis.call('HMGET', KEYS[7], unpack(jobs)) end
end
return { refused, jobs, states, first, urgent, paused, due }
`,
);

/**
 * Renew a worker's life, and give back what dead workers held, the oldest in front.
 *
 * KEYS  1 owners   2 high   3 in progress   4 state   5 watch   6 leases of the worker   7 patterns
 * ARGV  1 worker   2 its life in ms   3 key of leases up to the worker's id   4 wake channel
 * Returns the number given back, the fences the worker still holds, and the patterns that workers have handlers for.
 *
 * One script, because a worker may come back between the look and the move. After a pause in which nobody looked (Redis
 * or all workers were away) every worker first has its whole life to show itself again. The leases it reads share the slot
 * of its KEYS.
 */
export const recover = new Script<readonly [returned: number, held: string[], patterns: string[]]>(
  7,
  `${NOW}
local life = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now + life, ARGV[1])
local since, last = string.match(redis.call('GET', KEYS[5]) or '', '^(%d+) (%d+)$')
if not last or now - last > life * 2 / 3 or now < tonumber(last) then since = now end
redis.call('SET', KEYS[5], string.format('%.0f %.0f', since, now), 'PX', life * 100)

local function note(job, owner)
  local text = redis.call('HGET', KEYS[4], job)
  local known, state = pcall(cjson.decode, text or '{}')
  if not known then state = {} end
  if state.alone then
    state.lostAlone = (state.lostAlone or 0) + 1
    state.alone = nil
  else
    state.lost = (state.lost or 0) + 1
  end
  local history = state.history or {}
  history[#history + 1] = { at = now, error = 'lost with its worker ' .. owner }
  if #history > 10 then table.remove(history, 1) end
  state.history = history
  redis.call('HSET', KEYS[4], job, cjson.encode(state))
end

local returned = 0
if now - since >= life then
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
    local key = ARGV[3] .. owner
    local held = redis.call('HGETALL', key)
    local leases = {}
    for i = 1, #held, 2 do leases[#leases + 1] = { tonumber(held[i]), held[i + 1] } end
    table.sort(leases, function(a, b) return a[1] > b[1] end)
    for _, lease in ipairs(leases) do
      redis.call('LREM', KEYS[3], -1, lease[2])
      note(lease[2], owner)
      redis.call('RPUSH', KEYS[2], lease[2])
      returned = returned + 1
    end
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], owner)
  end
end
if returned > 0 then redis.call('PUBLISH', ARGV[4], 'recovered') end
return { returned, redis.call('HKEYS', KEYS[6]), redis.call('SMEMBERS', KEYS[7]) }
`,
);

/**
 * Take a worker off the list of those to look after. The last one puts back into the waiting list what Nest workers alone
 * can see, for a Hydra 1.x worker that may be there.
 *
 * KEYS  1 owners   2 waiting   3 high   4 patterns   5 leases of the worker
 * ARGV  1 worker   2 key of a list set aside up to the pattern   3 after it   4 jobs put back at most
 *
 * One script, because two workers that leave together would each take the other for the last. A worker that holds
 * something still is left to the others to recover.
 */
export const leave = new Script<number>(
  5,
  `
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
local lists = {}
for _, pattern in ipairs(redis.call('SMEMBERS', KEYS[4])) do lists[#lists + 1] = ARGV[2] .. pattern .. ARGV[3] end
lists[#lists + 1] = KEYS[3]
local left = tonumber(ARGV[4])
for _, list in ipairs(lists) do
  while left > 0 and redis.call('LMOVE', list, KEYS[2], 'LEFT', 'RIGHT') do left = left - 1 end
end
return tonumber(ARGV[4]) - left
`,
);

/**
 * Give back jobs that were taken for a worker which never learnt of them, since the answer got lost.
 *
 * KEYS  1 high   2 in progress   3 leases of the worker
 * ARGV  their fences
 *
 * One script, so that a lease and its job move together.
 */
export const giveBack = new Script<number>(
  3,
  `
local returned = 0
for _, fence in ipairs(ARGV) do
  local job = redis.call('HGET', KEYS[3], fence)
  if job then
    redis.call('HDEL', KEYS[3], fence)
    redis.call('LREM', KEYS[2], -1, job)
    redis.call('RPUSH', KEYS[1], job)
    returned = returned + 1
  end
end
return returned
`,
);

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

/**
 * Write the state of a job that a worker holds.
 *
 * KEYS  1 leases of the worker   2 state
 * ARGV  1 fence   2 job   3 state
 * Returns 1, or 0 when the worker does not hold it any more.
 *
 * One script, because the state may only be written while the job is held.
 */
export const writeState = new Script<number>(
  2,
  `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
`,
);

/**
 * Tell how far a job is.
 *
 * KEYS  1 leases of the worker   2 progress   3 watched
 * ARGV  1 fence   2 id, '' where nobody could ask for it   3 value (JSON)   4 events channel   5 event (JSON)
 * Returns 1, or 0 when the worker does not hold the job any more.
 *
 * One script, because a worker that lost its lease must not be heard.
 */
export const report = new Script<number>(
  3,
  `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('PUBLISH', ARGV[4], '[' .. ARGV[5] .. ']') end
return 1
`,
);

/**
 * Forget what finished too long ago.
 *
 * Dead letters stand in the order in which they died. One without a date, as a Hydra 1.x worker writes it, is as old as the
 * next dated one behind it, at least, and goes with that.
 *
 * KEYS  1 finished   2 results   3 dead letters
 * ARGV  1 oldest instant of a completed job (Unix ms)   2 oldest instant of a dead letter (ISO 8601)
 *       3 number to look at, and to forget, of either at most   4 index of the dead letter to look at first
 * Returns the number forgotten, and the index for the next look: 0, unless it ended among letters without a date.
 *
 * One script, because both ends of the look and the removal must be the same element.
 */
export const forgetOld = new Script<readonly [forgotten: number, next: number]>(
  3,
  `
local most = tonumber(ARGV[3])
local forgotten = 0
for _ = 1, most do
  local id = redis.call('LINDEX', KEYS[1], -1)
  if not id then break end
  local record = redis.call('HGET', KEYS[2], id)
  local at = record and string.match(record, '"finishedOn":(%d+)')
  if at and tonumber(at) >= tonumber(ARGV[1]) then break end
  redis.call('RPOP', KEYS[1])
  redis.call('HDEL', KEYS[2], id)
  forgotten = forgotten + 1
end

local from = tonumber(ARGV[4])
local old, next = 0, from + most
for i = from, from + most - 1 do
  local dead = redis.call('LINDEX', KEYS[3], i)
  local on = dead and string.match(dead, '"hydraDead":.-"diedOn":"([^"]+)"')
  if on and on < ARGV[2] then old = i + 1 end
  if not dead or (on and on >= ARGV[2]) then
    next = 0
    break
  end
end
if old == 0 then return { forgotten, next } end
local gone = math.min(old, most)
redis.call('LPOP', KEYS[3], gone)
-- The last old one is where the next look begins, if there are more in front of it than one call may take.
return { forgotten + gone, math.max(0, old - gone - 1) }
`,
);
