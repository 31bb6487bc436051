import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { RANK_SUFFIX } from '../model/queue-keys.js';
import { EVENT_BYTES } from '../model/job-event.js';
import { NOW } from '../../redis/lua-clock.js';
import {
  ALLOW_OOM,
  GIVE_BACK,
  KEEP,
  KEEP_IDS,
  LATEST,
  NAMES_OF,
  PATTERN_OF,
  TAKEN_IDS,
  TELL,
  WAKE,
} from './script-parts.js';

/** So long, beside two lives of a worker, a queue counts as busy after one of its workers took a job. */
export const BUSY_MS = 2_000;

/** What `exchange` gives back. */
export type ExchangeReply = readonly [
  refused: readonly string[],
  jobs: readonly string[],
  states: readonly (string | null)[],
  firstFence: string,
  flags: string,
  nextDueMs: number,
  now: number,
];

/** Jobs moved to other lists, and bytes of jobs touched, by one script at most. */
const MAX_MOVED = 250;
const MAX_BYTES = 2_097_152;

/** How much later than who keeps the alarm the others look, in milliseconds: by then it may be gone. */
const FALLBACK_MS = 1_000;

/** Says what the outcomes and the taking need, before anything is written. */
const CHECK = `
local known = {}
local rights = {
  done = function()
    need('HSET', KEYS[12], 'a', 'b') need('ZADD', KEYS[11], 1, 'a') need('ZRANGE', KEYS[11], 0, 0) need('ZREM', KEYS[11], 'a') need('ZREM', KEYS[22], 'a')
    need('PEXPIRE', KEYS[12], 1) need('PEXPIREAT', KEYS[15], 1)
  end,
  retry = function() need('HSET', KEYS[25], 'a', 'b') need('HSET', KEYS[7], 'a', 'b') need('ZADD', KEYS[4], 1, 'a') need('RPUSH', KEYS[3], 'a') end,
  dead = function()
    need('RPUSH', KEYS[10], 'a') need('LPOP', KEYS[10]) need('HSET', KEYS[12], 'a', 'b') need('ZADD', KEYS[22], 1, 'a')
    need('ZREM', KEYS[11], 'a')
    need('PEXPIRE', KEYS[12], 1) need('PEXPIREAT', KEYS[15], 1)
  end,
  ['return'] = function() need('HSET', KEYS[7], 'a', 'b') need('ZADD', KEYS[16], 1, 'a') need('RPUSH', KEYS[3], 'a') end,
  requeue = function() need('HSET', KEYS[7], 'a', 'b') need('LPUSH', KEYS[2], 'a') end,
  aside = function(list) need('ZADD', KEYS[18], 1, 'a') need('LPUSH', list, 'a') end,
  unserved = function() need('HSET', KEYS[7], 'a', 'b') need('ZADD', KEYS[18], 1, 'a') need('LPUSH', ARGV[11] .. ':', 'a') end,
}
for i = outcomes, #ARGV, 4 do
  local what = ARGV[i]
  if what == 'retry' or what == 'dead' or what == 'unserved' then
    numbers[i], rests[i] = string.match(ARGV[i + 2], '^(%d+) (.*)$')
    if not numbers[i] or what == 'retry' and not string.match(rests[i], '^%d+ %d+ ') then return redis.error_reply('ERR the outcome "' .. what .. '" of ' .. ARGV[i + 1] .. ' is not to be read') end
  end
  if what ~= 'refund' and not known[what] then
    rights[what](ARGV[i + 2])
    known[what] = true
  end
end
if redis.call('EXISTS', KEYS[27]) == 1 then
  need('ZADD', KEYS[15], 1, 'a') need('PERSIST', KEYS[15]) need('ZADD', KEYS[4], 1, 'a') need('LPUSH', KEYS[2], 'a') need('HSET', KEYS[25], 'a', 'b')
end
-- What is read after the first write as well: a script that is refused in its middle has lost what it holds.
need('EXISTS', KEYS[2], KEYS[3], KEYS[16]) need('ZRANGE', KEYS[18], 0, -1) need('EXISTS', KEYS[6], KEYS[7], KEYS[23], KEYS[24], KEYS[25], KEYS[27]) need('HDEL', KEYS[25], 'a') need('HMGET', KEYS[25], 'a') need('HGET', KEYS[25], 'a') need('HDEL', KEYS[14], 'a') need('HSET', KEYS[9], 'a', 'b') need('HEXISTS', KEYS[9], 'a') need('HGET', KEYS[1], 'a') need('HEXISTS', KEYS[1], 'a') need('ZSCORE', KEYS[18], 'a') need('ZMSCORE', KEYS[15], 'a')
need('ZCARD', KEYS[11]) need('ZRANGE', KEYS[5], 0, -1) need('ZRANGEBYSCORE', KEYS[4], '-inf', 1) need('GET', KEYS[8])
need('HMGET', KEYS[7], 'a') need('HGET', KEYS[7], 'a') need('HLEN', KEYS[1]) need('HGET', KEYS[27], 'a') need('HDEL', KEYS[27], 'a')
needWake(KEYS[9], ARGV[10])
need('DEL', KEYS[21]) need('HSET', KEYS[19], 'a', 'b') need('PEXPIRE', KEYS[19], 1)
need('PTTL', KEYS[12]) need('ZCOUNT', KEYS[15], '-inf', '(0')
need('HDEL', KEYS[1], 'a')
need('ZADD', KEYS[5], 1, 'a')
need('ZADD', KEYS[15], 1, 'a')
need('LMOVE', KEYS[17], KEYS[2], 'RIGHT', 'RIGHT')
needTell(KEYS[13], KEYS[28], ARGV[8])
need('PUBLISH', ARGV[9], 'a')
if wanted > 0 then
  need('HSET', KEYS[1], 'a', 'b')
  need('SET', KEYS[8], 'a')
  need('SET', KEYS[26], 'a') need('HSET', KEYS[7], 'a', 'b')
  need('RPOP', KEYS[2], 1)
  need('RPUSH', KEYS[3], 'a')
  need('LPUSH', ARGV[11] .. ':', 'a')
  need('ZPOPMIN', KEYS[16], 1)
  need('ZREM', KEYS[4], 'a')
  need('ZRANGE', KEYS[24], 0, -1)
  need('ZREM', KEYS[24], 'a')
end
`;

/** Does with the jobs that were held what became of them. */
const OUTCOMES = `
local hasState = redis.call('EXISTS', KEYS[7]) == 1
local hasProgress = redis.call('EXISTS', KEYS[14]) == 1
local refused, events, done, records, ended, returned, refunds = {}, {}, {}, {}, {}, {}, {}
local hasLatest, followers = redis.call('EXISTS', KEYS[27]) == 1, {}

-- Redis closes a subscriber that has too much to read: what is large has to be asked for.
local function tell(event)
  if #event > ${EVENT_BYTES} then
    local head = string.match(event, '^(.-),"result":') or string.match(event, '^(.-),"job":')
    event = head and #head < ${EVENT_BYTES} and head .. ',"isLarge":true}' or ''
  end
  if event ~= '' then events[#events + 1] = event end
end

-- What it says of the job, with the steps that Redis has kept meanwhile: their results may not have been heard of.
local function remember(job, text)
  local kept = hasState and redis.call('HGET', KEYS[7], job)
  if kept and string.find(kept, '"steps":', 1, true) then
    local isKnown, old = pcall(cjson.decode, kept)
    local isRead, state = pcall(cjson.decode, text)
    if isKnown and isRead and type(old) == 'table' and type(old.steps) == 'table' and type(state) == 'table' then
      if type(state.steps) ~= 'table' then state.steps = {} end
      for name, result in pairs(old.steps) do state.steps[name] = result end
      text = cjson.encode(state)
    end
  end
  redis.call('HSET', KEYS[7], job, text)
end

-- Gives what is told of its end.
local function forget(job, id, event)
  if hasState then redis.call('HDEL', KEYS[7], job) end
  if hasProgress then redis.call('HDEL', KEYS[14], id) end
  local latest = hasLatest and redis.call('HGET', KEYS[27], id)
  ended[#ended + 1] = id
  if not latest then return event end
  followers[#followers + 1] = { id, latest }
  return event == '' and '' or '{"hasFollower":true,' .. string.sub(event, 2)
end

-- Leases of jobs that completed, which are many: they end together, once all that is kept of their jobs is written.
local completed, isCompleted = {}, {}

-- The job is not sent with its outcome: these are the very bytes that were taken. Of one that completed they are seldom needed.
local function heldJob(what, lease)
  if what == 'refund' or isCompleted[lease] then return false end
  if what ~= 'done' or hasState then return redis.call('HGET', KEYS[1], lease) end
  return redis.call('HEXISTS', KEYS[1], lease) == 1 and ''
end

for i = outcomes, #ARGV, 4 do
  local what, lease, detail, event = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local job = heldJob(what, lease)
  if what == 'refund' then
    returned[#returned + 1], refunds[#refunds + 1] = detail, { detail, lease }
  elseif not job then
    refused[#refused + 1] = lease
  else
    if what == 'done' then
      completed[#completed + 1], isCompleted[lease] = lease, true
      done[#done + 1] = detail
      records[#records + 1] = detail
      records[#records + 1] = event
      event = forget(job, detail, event)
    else
      redis.call('HDEL', KEYS[1], lease)
    end
    if what == 'retry' then
      local added, length, rest = string.match(rests[i], '^(%d+) (%d+) (.*)$')
      local id = string.sub(rest, 1, length)
      if id ~= '' then redis.call('HSET', KEYS[25], id, hintOf(added, now + numbers[i], dedupOf(redis.call('HGET', KEYS[25], id)))) end
      remember(job, string.sub(rest, length + 1))
      -- A second job of the very same text finds its place in the set taken: early rather than never.
      if redis.call('ZADD', KEYS[4], 'NX', now + numbers[i], job) == 0 then redis.call('RPUSH', KEYS[3], job) end
    elseif what == 'dead' then
      local id = string.sub(rests[i], 1, numbers[i])
      local told = forget(job, id, event)
      local surplus = redis.call('RPUSH', KEYS[10], string.sub(rests[i], numbers[i] + 1)) - ARGV[7]
      if surplus > 0 then redis.call('LPOP', KEYS[10], math.min(surplus, 10)) end
      if event ~= '' then
        redis.call('HSET', KEYS[12], id, event)
        redis.call('ZADD', KEYS[22], now, id)
        redis.call('ZREM', KEYS[11], id)
        endure(KEYS[12], ARGV[16])
        endure(KEYS[22], ARGV[16])
      end
      event = told
    elseif what == 'return' then
      if detail ~= '' then remember(job, detail) end
      giveBack(KEYS[16], KEYS[3], job, fenceOf(lease))
      returned[#returned + 1] = patternOf(job) or ''
      if event ~= 'begun' then refunds[#refunds + 1] = { returned[#returned], lease } end
      event = ''
    elseif what == 'requeue' then
      remember(job, detail)
      redis.call('LPUSH', KEYS[2], job)
    elseif what == 'aside' then
      redis.call('LPUSH', detail, job)
      -- The worker may have slept since it heard that the pattern has others: nobody looks at a list that is not known.
      redis.call('ZADD', KEYS[18], 'NX', now - 1, string.sub(detail, #ARGV[11] + 1, -1 - #ARGV[12]))
      isForeign = true
    elseif what == 'unserved' then
      local pattern = string.sub(rests[i], 1, numbers[i])
      remember(job, string.sub(rests[i], numbers[i] + 1))
      redis.call('ZADD', KEYS[18], 'NX', now - 1, pattern)
      redis.call('LPUSH', ARGV[11] .. pattern .. ARGV[12], job)
      -- A worker that has come for it meanwhile need not wait for its next look.
      isForeign = isForeign or (tonumber(redis.call('ZSCORE', KEYS[18], pattern)) >= now)
    end
    tell(event)
  end
end

local hints = {}
if #ended > 0 and redis.call('EXISTS', KEYS[25]) == 1 then
  hints = redis.call('HMGET', KEYS[25], unpack(ended))
  redis.call('HDEL', KEYS[25], unpack(ended))
end
if #ended > 0 and redis.call('EXISTS', KEYS[15]) == 1 then
  -- While the job existed its id was taken; from now on only for so long.
  local isFree = false
  for i, taken in ipairs(redis.call('ZMSCORE', KEYS[15], unpack(ended))) do
    if taken and tonumber(taken) < 0 then
      redis.call('ZADD', KEYS[15], freeAt(taken, hints[i]), ended[i])
      isFree = true
    end
  end
  if isFree then endureIds(KEYS[15]) end
end
-- What was added under an id while its job ran.
for _, follower in ipairs(followers) do
  local id, delay, job, ms = follower[1], readLatest(follower[2])
  redis.call('HDEL', KEYS[27], id)
  redis.call('ZADD', KEYS[15], takenSince(now), id)
  redis.call('PERSIST', KEYS[15])
  if tonumber(delay) == 0 or redis.call('ZADD', KEYS[4], 'NX', now + delay, job) == 0 then redis.call('LPUSH', KEYS[2], job) end
  -- It stands where jobs stand that were added just now.
  redis.call('HSET', KEYS[25], id, hintOf(now, now + delay, ms))
  isForeign = true
  local names = namesOf(job)
  if names then tell('{"type":"added",' .. names .. '}') end
end
local keep = tonumber(ARGV[6])
if #done > 0 then
  if redis.call('EXISTS', KEYS[22]) == 1 and redis.call('ZREM', KEYS[22], unpack(done)) > 0 and keep == 0 then
    redis.call('HDEL', KEYS[12], unpack(done))
  end
  if keep > 0 then
    redis.call('HSET', KEYS[12], unpack(records))
    -- As text: Redis would write the number anew for each.
    local entries, at = {}, string.format('%.0f', now)
    for _, id in ipairs(done) do
      entries[#entries + 1] = at
      entries[#entries + 1] = id
    end
    redis.call('ZADD', KEYS[11], unpack(entries))
    endure(KEYS[12], ARGV[15])
    endure(KEYS[11], ARGV[15])
    -- Bounded: after the limit was lowered it may be many, and each exchange takes some.
    local surplus = math.min(redis.call('ZCARD', KEYS[11]) - keep, 1000)
    if surplus > 0 then
      local old = redis.call('ZRANGE', KEYS[11], 0, surplus - 1)
      redis.call('ZREM', KEYS[11], unpack(old))
      redis.call('HDEL', KEYS[12], unpack(old))
    end
  end
end
if #completed > 0 then redis.call('HDEL', KEYS[1], unpack(completed)) end
`;

/**
 * Takes jobs: what came back, what is urgent, what was set aside for patterns that there is room for, the waiting list. A
 * job whose pattern has no room here goes to the list of its pattern, so that it holds up no other.
 */
const TAKE = `
local bytes, moved = 0, 0
local function isFull() return #jobs >= wanted or moved >= ${MAX_MOVED} or bytes > ${MAX_BYTES} end
local function canTake(pattern)
  return room[pattern] > 0 and (not tokens[pattern] or tokens[pattern] >= 1)
end
local function take(job, pattern)
  jobs[#jobs + 1] = job
  if not pattern or not room[pattern] then return end
  room[pattern] = room[pattern] - 1
  if tokens[pattern] then
    tokens[pattern] = tokens[pattern] - 1
    spent = true
  end
  if not canTake(pattern) then open = open - 1 end
end
local served = {}
local function isServed(pattern)
  if served[pattern] == nil then
    served[pattern] = tonumber(redis.call('ZSCORE', KEYS[18], pattern) or '0') >= now
  end
  return served[pattern]
end
-- The pattern of a job that has to go to the list of its pattern; else it is taken.
local function elsewhere(job)
  bytes = bytes + #job
  local pattern = patternOf(job)
  if pattern and room[pattern] and not canTake(pattern) then return pattern end
  if pattern and not room[pattern] and isServed(pattern) then return pattern end
  take(job, pattern)
end
-- What is on its way to another worker stood before the first that is set aside, and must not come behind it.
local isRecalled = false
local setAside
local function recall()
  isRecalled = true
  local own = string.sub(KEYS[17], 1, -1 - #ARGV[1])
  for _, owner in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
    local job = redis.call('RPOP', own .. owner)
    if job then setAside(job, ARGV[12]) end
  end
end
setAside = function(job, suffix)
  local pattern = elsewhere(job)
  if not pattern then return end
  if not isRecalled and suffix == ARGV[12] then recall() end
  moved = moved + 1
  redis.call('LPUSH', ARGV[11] .. pattern .. suffix, job)
  hasBacklog[pattern] = true
end
local chunk = 8
local function popped(list, most)
  local got = redis.call('RPOP', list, math.min(most, chunk))
  -- As many at once as are not too many bytes.
  chunk = got and #got > 0 and #got[1] * 100 < 1048576 and 100 or 8
  return got or {}
end
local function fromList(list, pattern)
  while not isFull() and canTake(pattern) do
    local most = math.min(room[pattern], wanted - #jobs)
    if tokens[pattern] then most = math.min(most, math.floor(tokens[pattern])) end
    local got = popped(list, most)
    for _, job in ipairs(got) do
      bytes = bytes + #job
      take(job, pattern)
    end
    if #got == 0 then return true end
  end
end
local function fromLists(suffix)
  for _, pattern in ipairs(slots) do fromList(ARGV[11] .. pattern .. suffix, pattern) end
end
-- The highest priority first; of each pattern only where it has room.
local ranked = redis.call('EXISTS', KEYS[24]) == 1 and redis.call('ZRANGE', KEYS[24], 0, -1) or {}
local function fromRanks(sign)
  for _, member in ipairs(ranked) do
    local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
    if rank and rank * sign > 0 and room[pattern] then
      local isEmpty = fromList(ARGV[11] .. pattern .. '${RANK_SUFFIX}' .. rank, pattern)
      if isEmpty then redis.call('ZREM', KEYS[24], member) elseif not canTake(pattern) then hasBacklog[pattern] = true end
    end
  end
end

local isUrgent = redis.call('EXISTS', KEYS[16], KEYS[3], KEYS[4]) > 0
local names = {}
for _, pattern in ipairs(slots) do
  names[#names + 1] = ARGV[11] .. pattern .. ARGV[12]
  names[#names + 1] = ARGV[11] .. pattern .. ARGV[13]
end
local hasAside = #names > 0 and redis.call('EXISTS', unpack(names)) > 0

while isUrgent and not isFull() and open > 0 do
  local got = redis.call('ZPOPMIN', KEYS[16], math.min(wanted - #jobs, 100))
  if #got == 0 then break end
  local left = {}
  for i = 1, #got, 2 do
    local pattern = elsewhere(got[i])
    if pattern then left[#left + 1] = { pattern, got[i] } end
  end
  for i = #left, 1, -1 do
    moved = moved + 1
    redis.call('RPUSH', ARGV[11] .. left[i][1] .. ARGV[13], left[i][2])
    hasBacklog[left[i][1]] = true
  end
end
if hasAside then fromLists(ARGV[13]) end
while isUrgent and not isFull() and open > 0 do
  local got = popped(KEYS[3], wanted - #jobs)
  if #got == 0 then break end
  for _, job in ipairs(got) do setAside(job, ARGV[13]) end
end
fromRanks(1)
while isUrgent and not isFull() and open > 0 do
  local ripe = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, math.min(wanted - #jobs, chunk))
  if #ripe == 0 then break end
  redis.call('ZREM', KEYS[4], unpack(ripe))
  for _, job in ipairs(ripe) do setAside(job, ARGV[13]) end
end
if hasAside then fromLists(ARGV[12]) end
while not isFull() and open > 0 do
  local got = popped(KEYS[2], wanted - #jobs)
  if #got == 0 then break end
  for _, job in ipairs(got) do setAside(job, ARGV[12]) end
end
fromRanks(-1)
if hasAside then
  for _, pattern in ipairs(slots) do
    local list = ARGV[11] .. pattern
    if not canTake(pattern) and redis.call('EXISTS', list .. ARGV[12], list .. ARGV[13]) > 0 then hasBacklog[pattern] = true end
  end
end
hasMore = #jobs >= wanted or moved >= ${MAX_MOVED} or bytes > ${MAX_BYTES}
`;

/** Records the leases of what was taken. Fences follow the clock of Redis, so that a Redis that forgot some gives none twice. */
const LEASE = `
local first, states = '', {}
if #jobs > 0 then
  local last = math.max(tonumber(redis.call('GET', KEYS[8]) or '') or 0, time[1] * 1000000 + time[2])
  local leases = {}
  for i, job in ipairs(jobs) do
    leases[#leases + 1] = string.format('%.0f-%s', last + i, ARGV[4])
    leases[#leases + 1] = job
  end
  first = string.format('%.0f', last + 1)
  redis.call('HSET', KEYS[1], unpack(leases))
  -- Workers that rest look after the jobs of those that die only while this is there.
  if ARGV[17] == '1' and ARGV[5] == '0' then redis.call('SET', KEYS[26], '1', 'PX', ARGV[2] * 2 + ${BUSY_MS}) end
  redis.call('SET', KEYS[8], string.format('%.0f', last + #jobs))
  for _, job in ipairs(hasLatest and jobs or {}) do
    local isRead, message = pcall(cjson.decode, job)
    local id = isRead and type(message) == 'table' and message.mid
    local latest = type(id) == 'string' and redis.call('HGET', KEYS[27], id)
    if latest then
      redis.call('HDEL', KEYS[27], id)
      local isKnown, state = pcall(cjson.decode, redis.call('HGET', KEYS[7], job) or '{}')
      if not isKnown or type(state) ~= 'table' then state = {} end
      local _, text, ms = readLatest(latest)
      state.text = text
      redis.call('HSET', KEYS[7], job, cjson.encode(state))
      local hint = redis.call('HGET', KEYS[25], id)
      if hint or ms ~= '' then
        local since = -(redis.call('ZMSCORE', KEYS[15], id)[1] or -now)
        local added, at = string.match(hint or '', '^(%d+) (%d+)')
        redis.call('HSET', KEYS[25], id, hintOf(added or since, at or since, ms))
      end
    end
  end
  if redis.call('EXISTS', KEYS[7]) == 1 then states = redis.call('HMGET', KEYS[7], unpack(jobs)) end
end
if (#events > 0 or #jobs > 0) and isHeard(KEYS[13], KEYS[28]) then
  for _, job in ipairs(jobs) do
    local names = namesOf(job)
    if names then tell('{"type":"started",' .. names .. '}') end
  end
  local isEmpty = #ended > 0 and wanted > 0 and not isPaused and redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[16], KEYS[24]) == 0
  for _, pattern in ipairs(isEmpty and redis.call('ZRANGE', KEYS[18], 0, -1) or {}) do
    local list = ARGV[11] .. pattern
    if redis.call('EXISTS', list .. ARGV[12], list .. ARGV[13]) > 0 then isEmpty = false end
  end
  if isEmpty then tell('{"type":"drained","id":"","pattern":""}') end
  tellAll(KEYS[13], KEYS[28], ARGV[8], events)
end
`;

/** Says when to look again, and to whom: one worker keeps the alarm for all. */
const ALARM = `
local function untilFirst(set)
  local entry = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if #entry > 0 then
    local wait = math.max(0, math.ceil(entry[2] - now))
    if due < 0 or wait < due then due = wait end
  end
end
if wanted > 0 then
  if not isPaused then
    if open > 0 then untilFirst(KEYS[4]) end
    for _, keptUntil in pairs(limited) do
      if due < 0 or keptUntil - now < due then due = math.ceil(keptUntil - now) end
    end
    for pattern, left in pairs(tokens) do
      if left < 1 and room[pattern] > 0 and (open == 0 or hasBacklog[pattern]) then
        local wait = math.ceil((1 - left) / rates[pattern])
        if due < 0 or wait < due then due = wait end
      end
    end
  end
  untilFirst(KEYS[20])
end
local text = redis.call('GET', KEYS[21])
local at, keeper = string.match(text or '', '^(%d+) (.*)$')
if wanted == 0 then
  -- It has no room when the moment comes: others may have.
  if keeper == ARGV[1] and tonumber(at) <= now then
    redis.call('DEL', KEYS[21])
    wake(KEYS[9], ARGV[10])
  end
elseif due == 0 and #jobs >= wanted then
  wake(KEYS[9], ARGV[10])
elseif due >= 0 then
  if keeper and keeper ~= ARGV[1] and tonumber(at) <= now + due and tonumber(at) + 50 >= now then
    -- It looks a little later, in case that one is gone by then.
    due = math.max(0, math.ceil(at - now)) + ${FALLBACK_MS}
  elseif text ~= string.format('%.0f %s', now + due, ARGV[1]) then
    redis.call('SET', KEYS[21], string.format('%.0f %s', now + due, ARGV[1]), 'PX', due + 1000)
  end
end
`;

/**
 * Act on the outcomes of jobs that a worker holds, and take it further ones.
 *
 * KEYS  1 leases of the worker   2 waiting   3 high   4 delayed   5 owners   6 paused   7 state   8 fence   9 idle
 *       10 incomplete   11 finished   12 results   13 watched   14 progress   15 ids   16 returned   17 inbox of the worker
 *       18 patterns   19 rates   20 ticks   21 alarm   22 died   23 limited   24 ranked   25 hints
 *       26 busy   27 latest   28 history
 * ARGV  1 worker   2 its life in ms   3 jobs to take   4 the worker's count of exchanges   5 leases it should hold   6 completed
 *       jobs kept   7 dead letters kept   8 events channel   9 wake channel   10 wake channel of one up to the worker
 *       11 key of a list set aside up to the pattern   12 after it   13 after it, of the list that goes first
 *       14 '1' when the worker stands in idle as it is now   15 ms for which outcomes of completed jobs are kept   16 the same
 *       of dead ones   17 '1' where workers of the queue may rest   18 number of patterns
 *       then for each pattern its name, its room, and its rate
 *       limit: tokens, and ms in which they come back (0 0 for none)
 *       then four for each outcome: what, lease, detail, event
 *         done: detail id   retry: detail '<delay ms> <added, Unix ms> <bytes of the id> <id><state>'   dead: detail '<bytes of the id> <id><dead letter>'
 *         return: to its place, detail the state or '', event 'begun' where it had begun, so that no token comes back   requeue: last in line, detail the state
 *         aside: last in a list set aside, detail the list   refund: the token of a rate limit is free that was taken with this lease, detail the pattern
 *         unserved: last in the list of its pattern, which no worker serves, detail '<bytes of the pattern> <pattern><state>'
 * Returns the leases no longer held (nothing was done for them); the jobs; their states; the first of their fences, which
 *   count up; flags: p paused, m there is more to take, o nothing has room or tokens, i stands in idle, l it does not hold
 *   what it should, and took nothing; milliseconds until something falls due, later by {@link FALLBACK_MS} where that is another's to see to, or -1; the clock.
 *
 * One script, because a crash between a move and its lease would strand a job with nothing to bring it back, and because
 * an outcome counts only while its lease is held. Tokens of rate limits are taken with the jobs: none is taken that may not
 * start. The lists set aside share the slot of its KEYS.
 */
export const exchange = new Script<ExchangeReply>(
  'queue.exchange',
  28,
  `${NOW}${NEED}${PATTERN_OF}${NAMES_OF}${WAKE}${TELL}${GIVE_BACK}${KEEP}${KEEP_IDS}${TAKEN_IDS}${LATEST}
local wanted, patternCount = tonumber(ARGV[3]), tonumber(ARGV[18])
local outcomes = 19 + patternCount * 4
local numbers, rests = {}, {}
local isForeign, hasMore, due, isPaused, isAmiss, isIdle = false, false, -1, false, false, false
${CHECK}${ALLOW_OOM}
redis.call('ZADD', KEYS[5], now + ARGV[2], ARGV[1])
-- What woke it goes back to where it stood, to be looked at with the rest.
while redis.call('LMOVE', KEYS[17], KEYS[2], 'RIGHT', 'RIGHT') do end
if wanted > 0 then
  isAmiss = redis.call('HLEN', KEYS[1]) ~= tonumber(ARGV[5])
  isPaused = redis.call('EXISTS', KEYS[6]) == 1
end

local slots, room, tokens, rates, full, hasBacklog, open, refunded = {}, {}, {}, {}, {}, {}, 0, false
local hasLimits, limited, waits = redis.call('EXISTS', KEYS[23]) == 1, {}, {}
for i = 19, outcomes - 1, 4 do
  local pattern, max, period = ARGV[i], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  room[pattern] = tonumber(ARGV[i + 1])
  if room[pattern] > 0 then waits[#waits + 1] = pattern end
  local keptUntil = hasLimits and tonumber(redis.call('HGET', KEYS[23], pattern) or '') or 0
  -- Somebody said that none of it may start before then.
  if keptUntil > now then limited[pattern], room[pattern] = keptUntil, 0 end
  if room[pattern] > 0 then slots[#slots + 1] = pattern end
  if max > 0 then
    local left, at = string.match(redis.call('HGET', KEYS[19], pattern) or '', '^(%S+) (%S+)$')
    rates[pattern], full[pattern] = max / period, max
    tokens[pattern] = left and math.min(max, left + math.max(0, now - at) * max / period) or max
  end
  if room[pattern] > 0 and (not tokens[pattern] or tokens[pattern] >= 1) then open = open + 1 end
end
${OUTCOMES}
-- What is given back and has not begun. A bucket that was full without that token has had it already: only what cannot have come
-- back since it was taken, which its fence tells, is there again.
for _, refund in ipairs(refunds) do
  local pattern, takenAt = refund[1], math.floor(fenceOf(refund[2]) / 1000)
  local left = tokens[pattern]
  local back = left and 1 - math.max(0, now - takenAt) * rates[pattern] or 0
  if back > 0 then
    local more = math.min(full[pattern], math.floor((left + back) * 1000000 + 0.5) / 1000000)
    if left < 1 and more >= 1 and room[pattern] > 0 then open = open + 1 end
    tokens[pattern], refunded = more, true
  end
end
local jobs, spent = {}, false
if wanted > 0 and not isPaused and not isAmiss then
  ${TAKE}
end
${LEASE}
if spent or refunded then
  local period = 86400000
  for pattern, left in pairs(tokens) do
    redis.call('HSET', KEYS[19], pattern, string.format('%.6f %.0f', left, now))
    period = math.max(period, math.ceil(full[pattern] / rates[pattern]))
  end
  redis.call('PEXPIRE', KEYS[19], period)
end
if isForeign or #returned > 2 then
  redis.call('PUBLISH', ARGV[9], 'moved')
else
  for _, pattern in ipairs(returned) do wake(KEYS[9], ARGV[10], pattern) end
  -- Others may have room where this one has not; no one has what the rate limit does not give.
  for pattern in pairs(hasBacklog) do
    if not limited[pattern] and (not tokens[pattern] or tokens[pattern] >= 1) then wake(KEYS[9], ARGV[10], pattern) end
  end
end
${ALARM}
if wanted > 0 then
  isIdle = not hasMore and not isPaused and not isAmiss
  if isIdle and (ARGV[14] ~= '1' or redis.call('HEXISTS', KEYS[9], ARGV[1]) == 0) then
    redis.call('HSET', KEYS[9], ARGV[1], '\\n' .. table.concat(waits, '\\n') .. '\\n')
  elseif not isIdle and ARGV[14] == '1' then
    redis.call('HDEL', KEYS[9], ARGV[1])
  end
end
local flags = (isPaused and 'p' or '') .. (hasMore and 'm' or '') .. (open == 0 and 'o' or '') .. (isIdle and 'i' or '')
return { refused, jobs, states, first, flags .. (isAmiss and 'l' or ''), due, now }
`,
);
