import { Script } from '../redis/script.js';
import { EVENT_BYTES, PUBLISH_BYTES } from './job.event.js';
import { NOW } from './now.js';

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
  'queue.turn',
  15,
  `${NOW}
local asides = tonumber(ARGV[8])
-- Before anything is written: a script that fails half-way does not roll back.
local numbers, rests = {}, {}
for i = 9 + asides * 2, #ARGV, 4 do
  local what = ARGV[i]
  if what == 'retry' or what == 'dead' then
    numbers[i], rests[i] = string.match(ARGV[i + 2], '^(%d+) (.*)$')
    if not numbers[i] then return redis.error_reply('ERR the outcome "' .. what .. '" of fence ' .. ARGV[i + 1] .. ' is not to be read') end
  end
end
redis.call('ZADD', KEYS[5], now + ARGV[2], ARGV[1])
local hasState = redis.call('EXISTS', KEYS[7]) == 1
local hasProgress = redis.call('EXISTS', KEYS[15]) == 1
local refused, events, ids, records = {}, {}, {}, {}
-- Alone, the worker gives back to the list that a Hydra 1.x worker reads too.
local front = redis.call('ZCARD', KEYS[5]) > 1 and KEYS[3] or KEYS[1]
local moved = false

-- Redis closes a subscriber that has too much to read: what is large has to be asked for.
local function tell(event)
  if #event > ${EVENT_BYTES} then
    local head = string.match(event, '^(.-),"result":')
    event = head and #head < ${EVENT_BYTES} and head .. ',"isLarge":true}' or ''
  end
  if event ~= '' then events[#events + 1] = event end
end

local function publish()
  local from, bytes = 1, 0
  for i, event in ipairs(events) do
    bytes = bytes + #event
    if bytes > ${PUBLISH_BYTES} or i == #events then
      redis.call('PUBLISH', ARGV[4], '[' .. table.concat(events, ',', from, i) .. ']')
      from, bytes = i + 1, 0
    end
  end
end

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
      redis.call('HSET', KEYS[7], job, rests[i])
      -- A second job of the very same text finds its place in the set taken: early rather than never.
      if redis.call('ZADD', KEYS[4], 'NX', now + numbers[i], job) == 0 then redis.call('RPUSH', KEYS[3], job) end
    elseif what == 'dead' then
      local length, rest = numbers[i], rests[i]
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
    tell(event)
  end
end

local keep = tonumber(ARGV[5])
if #ids > 0 and keep > 0 then
  redis.call('HSET', KEYS[12], unpack(records))
  -- Bounded: after the limit was lowered it may be many, and each turn takes some.
  local surplus = math.min(redis.call('LPUSH', KEYS[11], unpack(ids)) - keep, 1000)
  if surplus > 0 then redis.call('HDEL', KEYS[12], unpack(redis.call('RPOP', KEYS[11], surplus))) end
end
if #events > 0 and redis.call('EXISTS', KEYS[13]) == 1 then publish() end

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
