import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { NOW } from '../../redis/lua-clock.js';
import { RANK_SUFFIX } from '../model/queue-keys.js';
import { ENTER, KEEP_IDS, LATEST, PATTERN_OF, TAKEN_IDS, TAKE_OUT, TELL, WAKE } from './script-parts.js';

/**
 * Add a job that is more than the next in line: unique, later, or first.
 *
 * KEYS  1 the list it goes to   2 high   3 delayed   4 ids   5 results   6 finished   7 died   8 idle   9 ranked   10 patterns
 *       11 hints   12 latest   13 watched   14 history
 * ARGV  1 job   2 '' for the waiting list, 'high', or its priority   3 delay in ms   4 id, '' when it need not be unique   5 ms
 *       for which it stays taken when the job has ended, '' for the usual time   6 wake channel of one up to the worker   7 pattern   8 '1' when it is
 *       to be taken before those that wait in its list   9 when it was added (Unix ms)   10 its id, also where that need not be
 *       unique   11 '1' where nobody watches the waiting list   12 where the id is taken: '' when the job is not
 *       added, 'last' when it takes the place of the one that is there, 'extend' when that waits anew too
 *       13 its id as JSON   14 events channel
 * Returns 1, or 0 when the id is taken.
 *
 * One script, because two producers could take the same id. What an earlier job with the id came to is forgotten when it is
 * taken again: nobody may take it for the outcome of this one. A job whose very text is delayed already goes first: early
 * rather than never. Its first write needs memory, so a Redis that is full refuses it whole.
 */
export const addOne = new Script<number>(
  'queue.addOne',
  14,
  `${NOW}${NEED}${WAKE}${ENTER}${TELL}${TAKEN_IDS}${LATEST}
needEnter(KEYS[1], KEYS[9], KEYS[10]) need('RPUSH', KEYS[2], 'a')
need('ZADD', KEYS[3], 1, 'a') need('ZRANGE', KEYS[3], 0, 0) need('HSET', KEYS[11], 'a', 'b') needWake(KEYS[8], ARGV[6])
if ARGV[4] ~= '' then
  need('HDEL', KEYS[5], 'a') need('ZREM', KEYS[6], 'a') need('ZREM', KEYS[7], 'a') need('PERSIST', KEYS[4])
  need('ZSCORE', KEYS[4], 'a')
  need('HSET', KEYS[12], 'a', 'b') need('HDEL', KEYS[12], 'a') need('HGET', KEYS[11], 'a') need('ZRANGEBYSCORE', KEYS[3], 1, 1)
  local taken = takenUntil(redis.call('ZSCORE', KEYS[4], ARGV[4]))
  if taken < 0 and ARGV[12] ~= '' then
    redis.call('HSET', KEYS[12], ARGV[4], latestOf(ARGV[3], ARGV[1], ARGV[5]))
    local hint = redis.call('HGET', KEYS[11], ARGV[4])
    local added, due = string.match(hint or '', '^(%d+) (%d+)')
    local later, needle = now + ARGV[3], '"mid":' .. ARGV[13]
    for _, job in ipairs(ARGV[12] == 'extend' and due and redis.call('ZRANGEBYSCORE', KEYS[3], due, due, 'LIMIT', 0, 1000) or {}) do
      if string.find(job, needle, 1, true) then
        redis.call('ZADD', KEYS[3], later, job)
        redis.call('HSET', KEYS[11], ARGV[4], hintOf(added, later, dedupOf(hint)))
      end
    end
    return 0
  end
  -- Where the last one counts, an id is not taken by a job that has ended: what was added since then would be lost.
  if taken < 0 or (taken > now and ARGV[12] == '') then return 0 end
  redis.call('ZADD', KEYS[4], takenSince(ARGV[9]), ARGV[4])
  redis.call('HDEL', KEYS[12], ARGV[4])
  redis.call('PERSIST', KEYS[4])
  if redis.call('HDEL', KEYS[5], ARGV[4]) == 1 then
    redis.call('ZREM', KEYS[6], ARGV[4])
    redis.call('ZREM', KEYS[7], ARGV[4])
  end
end
local delay = tonumber(ARGV[3])
-- Of one with an id that waits, the score of that says as much.
if delay > 0 or (ARGV[4] ~= '' and ARGV[5] ~= '') then redis.call('HSET', KEYS[11], ARGV[10], hintOf(ARGV[9], now + delay, ARGV[5])) end
if delay > 0 and redis.call('ZADD', KEYS[3], 'NX', now + delay, ARGV[1]) == 1 then
  -- Somebody has to know when it falls due, unless something does before it.
  if redis.call('ZRANGE', KEYS[3], 0, 0)[1] == ARGV[1] then wake(KEYS[8], ARGV[6], ARGV[7]) end
elseif delay > 0 then
  redis.call('RPUSH', KEYS[2], ARGV[1])
  wake(KEYS[8], ARGV[6], ARGV[7])
else
  enter(KEYS[1], ARGV[1], ARGV[2], ARGV[8] == '1', KEYS[9], KEYS[10], ARGV[7])
  if ARGV[2] ~= '' or ARGV[11] == '1' then wake(KEYS[8], ARGV[6], ARGV[7]) end
end
tryTell(KEYS[13], KEYS[14], ARGV[14], '{"type":"added","id":' .. ARGV[13] .. ',"pattern":' .. cjson.encode(ARGV[7]) .. '}')
return 1
`,
);

/**
 * Add jobs to the end of a waiting list that nobody watches, and wake workers for them.
 *
 * KEYS  1 waiting   2 idle
 * ARGV  1 wake channel of one up to the worker   2 number of patterns   then these, then the jobs
 *
 * One script, so that no worker goes to rest between the adding and the waking.
 */
export const addMany = new Script<number>(
  'queue.addMany',
  2,
  `${NEED}${WAKE}
need('LPUSH', KEYS[1], 'a') needWake(KEYS[2], ARGV[1])
local patterns = tonumber(ARGV[2])
redis.call('LPUSH', KEYS[1], unpack(ARGV, 3 + patterns))
for i = 3, 2 + patterns do wake(KEYS[2], ARGV[1], ARGV[i]) end
return #ARGV - 2 - patterns
`,
);

/** What `countAll` gives back. */
export type Counted = readonly [
  waiting: number,
  active: number,
  delayed: number,
  dead: number,
  completed: number,
  isPaused: number,
  /** Pattern and number, for each pattern that no worker serves and that has jobs set aside. */
  unhandled: readonly (string | number)[],
  workers: number,
  /** When the oldest of those that wait was added (ISO 8601); ''. */
  oldest: string,
];

/**
 * Added to scripts that go through everything that waits: the lists, and the sorted set of what came back, in the order in
 * which jobs are taken.
 */
const WAITING = `
local patterns, owners, places = redis.call('ZRANGE', KEYS[3], 0, -1), redis.call('ZRANGE', KEYS[5], 0, -1), { KEYS[4] }
for _, pattern in ipairs(patterns) do places[#places + 1] = ARGV[1] .. pattern .. ARGV[3] end
places[#places + 1] = KEYS[2]
local lower, ranks = {}, {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[6], 0, -1)) do
  local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
  if rank then
    local list = ARGV[1] .. pattern .. '${RANK_SUFFIX}' .. rank
    table.insert(tonumber(rank) > 0 and places or lower, list)
    ranks[pattern] = ranks[pattern] or {}
    table.insert(ranks[pattern], list)
  end
end
for _, pattern in ipairs(patterns) do places[#places + 1] = ARGV[1] .. pattern .. ARGV[2] end
for _, owner in ipairs(owners) do places[#places + 1] = ARGV[5] .. owner end
places[#places + 1] = KEYS[1]
for _, list in ipairs(lower) do places[#places + 1] = list end
`;

/** What `countEnded` gives back: for each of its keys, how many, and over how many milliseconds. */
export type Ended = readonly [completed: number, overMs: number, failed: number, failedOverMs: number];

/**
 * Count the jobs that ended lately.
 *
 * KEYS  1 finished   2 died
 * ARGV  1 ms to look back   2 so many are enough to tell that those before them may have been forgotten
 *
 * The oldest outcomes are forgotten first. Where all that are kept are of the time that is looked at, nothing is known of before.
 */
export const countEnded = new Script<Ended>(
  'queue.countEnded',
  2,
  `${NOW}
local counted = {}
for _, key in ipairs(KEYS) do
  local from = now - tonumber(ARGV[1])
  local count, over = redis.call('ZCOUNT', key, from, '+inf'), tonumber(ARGV[1])
  if count >= tonumber(ARGV[2]) and count == redis.call('ZCARD', key) then
    over = math.max(1, now - tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]))
  end
  table.insert(counted, count)
  table.insert(counted, over)
end
return counted
`,
  'reads',
);

/**
 * Count the jobs by their states.
 *
 * KEYS  1 waiting   2 high   3 patterns   4 returned   5 owners   6 ranked   7 in progress   8 delayed   9 incomplete
 *       10 finished   11 paused
 * ARGV  1 key of a list set aside up to the pattern   2 after it   3 after it, of the list that goes first
 *       4 key of leases up to the worker   5 key of an inbox up to the worker
 *
 * One script, so that a job on its way from one state to the next is counted once. The lists set aside share the slot of
 * its KEYS.
 */
export const countAll = new Script<Counted>(
  'queue.countAll',
  11,
  `${NOW}${WAITING}
local waiting, oldest = redis.call('ZCARD', KEYS[4]), nil
local function older(job)
  local added = job and string.match(job, '"ts":"([^"]*)"')
  if added and (not oldest or added < oldest) then oldest = added end
end
older(redis.call('ZRANGE', KEYS[4], 0, 0)[1])
for i = 2, #places do
  local length = redis.call('LLEN', places[i])
  waiting = waiting + length
  if length > 0 then older(redis.call('LINDEX', places[i], -1)) end
end
local active = redis.call('LLEN', KEYS[7])
for _, owner in ipairs(owners) do active = active + redis.call('HLEN', ARGV[4] .. owner) end
local unhandled = {}
for _, pattern in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. now)) do
  local count = redis.call('LLEN', ARGV[1] .. pattern .. ARGV[2]) + redis.call('LLEN', ARGV[1] .. pattern .. ARGV[3])
  for _, list in ipairs(ranks[pattern] or {}) do count = count + redis.call('LLEN', list) end
  if count > 0 then
    unhandled[#unhandled + 1] = pattern
    unhandled[#unhandled + 1] = count
  end
end
return {
  waiting, active, redis.call('ZCARD', KEYS[8]), redis.call('LLEN', KEYS[9]),
  redis.call('ZCARD', KEYS[10]), redis.call('EXISTS', KEYS[11]), unhandled,
  redis.call('ZCOUNT', KEYS[5], '(' .. now, '+inf'), oldest or ''
}
`,
  'reads',
);

/**
 * Read a page of what waits, in the order in which it is taken.
 *
 * KEYS  1 waiting   2 high   3 patterns   4 returned   5 owners   6 ranked
 * ARGV  1 to 5 as above   6 jobs to pass over   7 jobs to read
 *
 * One script, because the page may begin in one list and end in another.
 */
export const pageWaiting = new Script<string[]>(
  'queue.pageWaiting',
  6,
  `${WAITING}
local skip, left, page = tonumber(ARGV[6]), tonumber(ARGV[7]), {}
for at, place in ipairs(places) do
  local length = redis.call(at == 1 and 'ZCARD' or 'LLEN', place)
  if skip < length and left > 0 then
    local jobs
    if at == 1 then
      jobs = redis.call('ZRANGE', place, skip, skip + left - 1)
      for i = 1, #jobs do page[#page + 1] = jobs[i] end
    else
      jobs = redis.call('LRANGE', place, -skip - left, -skip - 1)
      for i = #jobs, 1, -1 do page[#page + 1] = jobs[i] end
    end
    left = left - #jobs
    skip = 0
  else
    skip = math.max(0, skip - length)
  end
end
return page
`,
  'reads',
);

/**
 * Read a page of what runs: what Hydra 1.x workers have, oldest first, then worker by worker.
 *
 * KEYS  1 in progress   2 owners
 * ARGV  1 key of leases up to the worker   2 jobs to pass over   3 jobs to read
 *
 * One script, because the page may begin with one worker and end with another.
 */
export const pageActive = new Script<string[]>(
  'queue.pageActive',
  2,
  `
local skip, left, page = tonumber(ARGV[2]), tonumber(ARGV[3]), {}
local length = redis.call('LLEN', KEYS[1])
if skip < length then
  local jobs = redis.call('LRANGE', KEYS[1], -skip - left, -skip - 1)
  for i = #jobs, 1, -1 do page[#page + 1] = jobs[i] end
  left = left - #jobs
end
skip = math.max(0, skip - length)
for _, owner in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if left == 0 then break end
  length = redis.call('HLEN', ARGV[1] .. owner)
  if skip < length then
    local jobs = redis.call('HVALS', ARGV[1] .. owner)
    for i = skip + 1, math.min(skip + left, #jobs) do page[#page + 1] = jobs[i] end
    left = left - math.min(left, #jobs - skip)
  end
  skip = math.max(0, skip - length)
end
return page
`,
  'reads',
);

/**
 * The places of everything that waits, then of what runs.
 *
 * KEYS  1 waiting   2 high   3 patterns   4 returned   5 owners   6 ranked
 * ARGV  1 to 5 as above
 */
export const openPlaces = new Script<readonly [waiting: string[], active: string[]]>(
  'queue.openPlaces',
  6,
  `${WAITING}
local active = {}
for _, owner in ipairs(owners) do active[#active + 1] = ARGV[4] .. owner end
return { places, active }
`,
  'reads',
);

/** Elements, and bytes of them, that one look into a long list reads. */
const STRIDE = 500;
const STRIDE_BYTES = 524_288;

/**
 * Added to scripts: `walk(key, from, score, last, see)` goes through a part of a list, a sorted set or a hash from an index on, in a
 * sorted set from behind the element that was seen last, or where that has left, from its score on. Gives where to continue:
 * the index, or -1; the number of elements that there are; score and element that a sorted set was seen up to.
 */
export const WALK = `
local function walk(key, from, score, seen, see)
  local kind = redis.call('TYPE', key).ok
  if kind == 'hash' then
    -- Bounded by what one worker runs.
    for i, element in ipairs(redis.call('HVALS', key)) do see(i - 1, element) end
    return -1, 0, '', ''
  end
  if kind ~= 'list' and kind ~= 'zset' then return -1, 0, '', '' end
  local isSet, bytes, chunk = kind == 'zset', 0, 8
  local length = redis.call(isSet and 'ZCARD' or 'LLEN', key)
  if isSet and score ~= '' then
    local rank = redis.call('ZRANK', key, seen)
    from = rank and rank + 1 or redis.call('ZCOUNT', key, '-inf', '(' .. score)
  end
  local stop, last = from + ${STRIDE}, nil
  while from < stop and from < length and bytes < ${STRIDE_BYTES} do
    local part = redis.call(isSet and 'ZRANGE' or 'LRANGE', key, from, from + chunk - 1)
    for i, element in ipairs(part) do
      bytes = bytes + #element
      see(from + i - 1, element)
    end
    from, last = from + #part, part[#part]
    if bytes < #part * 2000 then chunk = 200 else chunk = 8 end
  end
  if from >= length then return -1, length, '', '' end
  if isSet and last then return from, length, redis.call('ZSCORE', key, last), last end
  return from, length, '', ''
end
`;

/**
 * Read those elements of a part of a list, a sorted set or a hash that may be those of some jobs: they hold an id that
 * begins like one of theirs. Without ids all of them.
 *
 * KEYS  1 the place
 * ARGV  1 first index   2 of a sorted set the score of the element that was seen last, '' at first   3 that element
 *       4 the pattern of jobs, '' for all   then ids as JSON text
 * Returns the index to continue from, or -1; the number of elements that there are; score and element that a sorted set was seen
 *   up to; then the found: index, element.
 *
 * What leaves a sorted set in front moves the rest, so there an index is no place to continue from: the element is, or where
 * that has left too, the first of its score.
 *
 * A script only to keep the others from travelling. What it costs is bounded, however long and large the elements are.
 */
export const search = new Script<
  [next: number, length: number, score: string, seen: string, ...found: (string | number)[]]
>(
  'queue.search',
  1,
  `${PATTERN_OF}${WALK}
local wanted, isAll = {}, #ARGV == 4
-- Up to the first quote, also where that is part of the id.
for i = 5, #ARGV do wanted[string.match(ARGV[i], '^"(.-)"')] = true end
local function mayBe(element)
  if ARGV[4] ~= '' and patternOf(element) ~= ARGV[4] then return false end
  if isAll then return true end
  local at = 1
  while true do
    local _, head = string.find(element, '"mid":"', at, true)
    local tail = head and string.find(element, '"', head + 1, true)
    if not tail then return false end
    if wanted[string.sub(element, head + 1, tail - 1)] then return true end
    at = tail + 1
  end
end
local found = { -1, 0, '', '' }
found[1], found[2], found[3], found[4] = walk(KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3], function(index, element)
  if mayBe(element) then
    found[#found + 1] = index
    found[#found + 1] = element
  end
end)
return found
`,
  'reads',
);

/**
 * Added to scripts, whose first KEYS are 1 ids   2 progress   3 results   4 finished   5 died   6 hints   7 latest   8 the log of
 * the job: `needFree()`, `forgetOutcome(id)`, and `freeId(id)`, which makes an id free and forgets all that is remembered of its job. The
 * ids of others still end by themselves when it was the last of a job that is there. `isTaken(id)`: a job with this id is there.
 */
const FREE_ID = `${KEEP_IDS}
local function needFree()
  need('ZREM', KEYS[1], 'a') need('HDEL', KEYS[2], 'a') need('HDEL', KEYS[3], 'a') need('ZREM', KEYS[4], 'a') need('ZREM', KEYS[5], 'a')
  need('HDEL', KEYS[6], 'a') need('HDEL', KEYS[7], 'a') need('UNLINK', KEYS[8])
  need('ZSCORE', KEYS[1], 'a') need('ZCOUNT', KEYS[1], 0, 1) need('ZRANGE', KEYS[1], 0, 0) need('PEXPIREAT', KEYS[1], 1)
end
local function isTaken(id) return tonumber(redis.call('ZSCORE', KEYS[1], id) or '0') < 0 end
local function forgetOutcome(id)
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZREM', KEYS[5], id)
end
local function freeId(id)
  forgetOutcome(id)
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[6], id)
  redis.call('HDEL', KEYS[7], id)
  redis.call('UNLINK', KEYS[8])
  endureIds(KEYS[1])
end
`;

/**
 * Take out a job, or a dead letter, with what is remembered of it, and free its id.
 *
 * KEYS  1 to 8 as above   9 the list or sorted set that it is in   10 state   11 watched   12 history
 * ARGV  1 its text   2 events channel   3 event (JSON)   4 its index in the list when it was seen   5 the length of that then
 *       6 its id   7 '1' when it is a dead letter: where a later job has its id, nothing is told or forgotten of that
 * Returns 1; 0 when it was not there any more: what is remembered of it is kept then, for whoever has taken it; or -1 where it
 *   has to be looked for again, since the list has moved.
 *
 * One script, because a worker may take it at the same time, and a producer its id.
 */
export const removeOne = new Script<number>(
  'queue.removeOne',
  12,
  `${NEED}${TELL}${TAKE_OUT}${FREE_ID}
need('HDEL', KEYS[10], 'a') needTell(KEYS[11], KEYS[12], ARGV[2]) need('TYPE', KEYS[9])
needFree()
local isLaters = ARGV[7] == '1' and isTaken(ARGV[6])
local isList = redis.call('TYPE', KEYS[9]).ok == 'list'
if isList then needTakeOut(KEYS[9]) else need('ZREM', KEYS[9], 'a') end
local removed = isList and takeOut(KEYS[9], ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])) or redis.call('ZREM', KEYS[9], ARGV[1])
if removed == 1 and not isLaters then
  redis.call('HDEL', KEYS[10], ARGV[1])
  tellAll(KEYS[11], KEYS[12], ARGV[2], { ARGV[3] })
  freeId(ARGV[6])
end
return removed
`,
);

/**
 * Forget the outcome of a job that ended, and free its id, unless a later job has it.
 *
 * KEYS  1 to 8 as above
 * ARGV  1 its id   2 the outcome that is meant, '' for whichever is there
 * Returns 1, or 0 when no such outcome of it is kept.
 *
 * One script, because a producer may take the id at the same time: what is forgotten would be the new job's.
 */
export const removeOutcome = new Script<number>(
  'queue.removeOutcome',
  8,
  `${NEED}${FREE_ID}
need('HGET', KEYS[3], 'a') needFree()
local outcome = redis.call('HGET', KEYS[3], ARGV[1])
if not outcome or (ARGV[2] ~= '' and outcome ~= ARGV[2]) then return 0 end
if isTaken(ARGV[1]) then forgetOutcome(ARGV[1]) else freeId(ARGV[1]) end
return 1
`,
);

/**
 * Make jobs of dead letters again.
 *
 * KEYS  1 incomplete   2 waiting   3 state   4 ids   5 results   6 died   7 finished   8 hints
 * ARGV  1 ms for which an id stays taken when its job has ended, '' for the usual time   2 the length of the list when they were seen
 *       then five for each, in their order: dead letter, job, id, index in the list when it was seen, state or ''
 * Returns 1, 0 or -1 for each: 0 when the dead letter was not there any more, or a later job has its id; -1 where it has to be
 *   looked for again, since the list has moved.
 *
 * One script, because two people may press the button.
 */
export const redriveAll = new Script<number[]>(
  'queue.redriveAll',
  8,
  `${NOW}${NEED}${TAKE_OUT}${TAKEN_IDS}
needTakeOut(KEYS[1]) need('LPUSH', KEYS[2], 'a') need('HDEL', KEYS[3], 'a') need('HSET', KEYS[3], 'a', 'b') need('ZADD', KEYS[4], 1, 'a')
need('HDEL', KEYS[5], 'a') need('ZREM', KEYS[6], 'a') need('ZREM', KEYS[7], 'a') need('HSET', KEYS[8], 'a', 'b') need('PERSIST', KEYS[4]) need('ZSCORE', KEYS[4], 'a')
local done, count, misses = {}, 0, 0
for i = 3, #ARGV, 5 do
  local letter, job, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local removed = 0
  -- To look for one that is not there takes long: others are looked for again by a script of their own.
  if misses > 1 then
    removed = -1
  elseif tonumber(redis.call('ZSCORE', KEYS[4], id) or '0') >= 0 then
    removed = takeOut(KEYS[1], letter, ARGV[i + 3] - count, ARGV[2] - count)
    if removed == 1 then count = count + 1 else misses = misses + 1 end
  end
  done[#done + 1] = removed
  if removed == 1 then
    redis.call('HDEL', KEYS[3], job)
    if ARGV[i + 4] ~= '' then redis.call('HSET', KEYS[3], job, ARGV[i + 4]) end
    redis.call('LPUSH', KEYS[2], job)
    if id ~= '' then
      redis.call('ZADD', KEYS[4], takenSince(now), id)
      redis.call('PERSIST', KEYS[4])
      if ARGV[1] ~= '' then redis.call('HSET', KEYS[8], id, hintOf(now, now, ARGV[1])) end
    end
    redis.call('HDEL', KEYS[5], id)
    redis.call('ZREM', KEYS[6], id)
    redis.call('ZREM', KEYS[7], id)
  end
end
return done
`,
);

/**
 * Put a job that a Hydra 1.x worker took back to the front of the line.
 *
 * KEYS  1 in-progress list   2 waiting list
 * ARGV  1 job   2 its index in the list when it was seen   3 the length of that then
 * Returns 1; 0 when it is not in the in-progress list (any more); or -1 where it has to be looked for again.
 *
 * One script, because the worker may end it in between: it would run once more for nothing.
 */
export const giveBack = new Script<number>(
  'queue.giveBack',
  2,
  `${NEED}${TAKE_OUT}
need('RPUSH', KEYS[2], 'a') needTakeOut(KEYS[1])
local taken = takeOut(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
if taken < 1 then return taken end
redis.call('RPUSH', KEYS[2], ARGV[1])
return 1
`,
);

/**
 * Forget what is remembered of jobs that were found nowhere.
 *
 * KEYS  1 state, or progress   2 delayed
 * ARGV  a field and its value for each
 * Returns the number of fields that were forgotten.
 *
 * One script, because whoever has the job after all may write it anew, and because a search of the delayed jobs may have
 * missed one that others before it were leaving: a field of the state is the text of its job, which is asked for again.
 */
export const forgetFields = new Script<number>(
  'queue.forgetFields',
  2,
  `${NEED}
need('HDEL', KEYS[1], 'a') need('ZSCORE', KEYS[2], 'a') need('HGET', KEYS[1], 'a')
local count = 0
for i = 1, #ARGV, 2 do
  local isDelayed = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not isDelayed and redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    count = count + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return count
`,
);

/**
 * Let no job of a pattern start for a while, or, for 0, end that.
 *
 * KEYS  1 limited
 * ARGV  1 pattern   2 for so many ms from now   3 wake channel
 * Returns the instant until which none starts (Unix ms), 0 for none.
 *
 * One script, because of two that ask for it the later end counts.
 */
export const limitPattern = new Script<number>(
  'queue.limitPattern',
  1,
  `${NOW}${NEED}
need('HDEL', KEYS[1], 'a') need('HGET', KEYS[1], 'a') need('HSET', KEYS[1], 'a', 'b') need('PTTL', KEYS[1]) need('PEXPIRE', KEYS[1], 1)
need('PUBLISH', ARGV[3], 'a')
local ms = tonumber(ARGV[2])
if ms == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('PUBLISH', ARGV[3], 'limit')
  return 0
end
local ends = math.max(now + ms, tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '') or 0)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', ends))
if redis.call('PTTL', KEYS[1]) < ends - now then redis.call('PEXPIRE', KEYS[1], math.ceil(ends - now) + 1000) end
return ends
`,
);
