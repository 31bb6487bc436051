import { PUBLISH_BYTES } from '../model/job-event.js';
import { DEDUP_MS } from '../model/job-id.js';

/**
 * Added to scripts that must run also when Redis has no memory left: they free some, or keep what is alive alive. Redis
 * refuses the first write of a script that may need memory, and none after one that cannot: this one changes nothing.
 * (The flag `allow-oom` says the same to Redis 7 alone.)
 */
export const ALLOW_OOM = `redis.call('HDEL', KEYS[1], '')
`;

/** Added to scripts: `stamp()` gives the instant in microseconds, by the clock of Redis. */
export const STAMP = `
local function stamp()
  local time = redis.call('TIME')
  return string.format('%.0f', time[1] * 1000000 + time[2])
end
`;

/**
 * Added to scripts: `needTell(watched, history, channel)` and `tellAll(watched, history, channel, events)`, which tells of events,
 * each of them JSON, and keeps them where somebody has that done: one entry for each, whose id is the instant at which that
 * began and a number that counts up, so that a reader sees what is missing. It says when it was written: after a Redis that came
 * back with less, another one has its number. What cannot be kept undoes nothing that the script did: the history ends then, which
 * readers see too. `tryTell(watched, history, channel, event)` is for scripts that need no right to tell: it tells where it may.
 */
export const TELL = `${STAMP}
local function isHeard(watched, history) return redis.call('EXISTS', watched, history) > 0 end
-- Who had their rights before there was a history may not write it. Redis 6.2 cannot be asked, and says so when it is tried.
local function mayKeep(history)
  local may = redis.acl_check_cmd
  return not may or (may('XREVRANGE', history, '+', '-') and may('XADD', history, '*', 'a', 'b'))
end
local function needTell(watched, history, channel)
  need('EXISTS', watched) need('EXISTS', history) need('PUBLISH', channel, 'a')
  -- What may not be written further is deleted.
  if not mayKeep(history) then need('DEL', history) end
end
local function isKept(history, events)
  if not mayKeep(history) then return false end
  local found = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
  local since, number = string.match(found[1] and found[1][1] or '', '^(%d+)%-(%d+)$')
  if not since then return false end
  local most, at = found[1][2][2], stamp()
  for i, event in ipairs(events) do
    local id = since .. '-' .. string.format('%.0f', number + i)
    local added = redis.pcall('XADD', history, 'MAXLEN', '~', most, id, 'most', most, 'event', event, 'at', at)
    if type(added) == 'table' then return false end
  end
  return true
end
local function keepEvents(history, events)
  if redis.call('EXISTS', history) == 1 and not isKept(history, events) then redis.pcall('DEL', history) end
end
local function tellAll(watched, history, channel, events)
  if #events == 0 or not isHeard(watched, history) then return end
  keepEvents(history, events)
  local from, bytes = 1, 0
  for i, event in ipairs(events) do
    bytes = bytes + #event
    if bytes > ${PUBLISH_BYTES} or i == #events then
      redis.pcall('PUBLISH', channel, '[' .. table.concat(events, ',', from, i) .. ']')
      from, bytes = i + 1, 0
    end
  end
end
local function tryTell(watched, history, channel, event)
  local heard = redis.pcall('EXISTS', watched, history)
  if type(heard) == 'number' and heard > 0 then tellAll(watched, history, channel, { event }) end
end
`;

/** Added to scripts: `patternOf(job)` reads a job's pattern from its text; nil where that is no message. */
export const PATTERN_OF = `
-- As this library writes a job without headers, and Hydra 1.x one with a type; anything else is parsed.
local PLAIN = '^{"to":"[^"\\\\]*","frm":"[^"\\\\]*","mid":"[^"\\\\]*","ts":"[^"\\\\]*","typ":"([^"\\\\]+)"'
local HEADED = '^{"to":"[^"\\\\]*","frm":"[^"\\\\]*","hdr":%b{},"mid":"[^"\\\\]*","ts":"[^"\\\\]*","typ":"([^"\\\\]+)"'
local function patternOf(job)
  local pattern = string.match(job, PLAIN) or string.match(job, HEADED)
  if pattern then return pattern end
  local isRead, message = pcall(cjson.decode, job)
  if not isRead or type(message) ~= 'table' then return nil end
  if type(message.typ) == 'string' and message.typ ~= '' then return message.typ end
  if type(message.to) ~= 'string' then return nil end
  local path = string.match(message.to, '^[^:]*:(.*)$') or ''
  return (string.gsub(string.gsub(path, '^%[[^%]]*%]', ''), '^/', ''))
end
`;

/** Added to scripts, behind PATTERN_OF: `namesOf(job)` gives the members `id` and `pattern` of its events as JSON; nil where it has none. */
export const NAMES_OF = `
local function namesOf(job)
  local id = string.match(job, '^{"to":"[^"\\\\]*","frm":"[^"\\\\]*","mid":("[^"\\\\]*")')
  if not id then
    local isRead, message = pcall(cjson.decode, job)
    if not isRead or type(message) ~= 'table' or type(message.mid) ~= 'string' then return nil end
    id = cjson.encode(message.mid)
  end
  return '"id":' .. id .. ',"pattern":' .. cjson.encode(patternOf(job) or '')
end
`;

/**
 * Added to scripts: `wake(idle, prefix, pattern)` wakes two workers that have nothing to do and room for the pattern
 * (any, where it is nil), and no more: each that is woken costs a look at the queue. Who is not woken looks within a second.
 * `idle` is the HASH of workers that wait, with the patterns they have room for. `needWake(idle, prefix)` asks for the rights.
 */
export const WAKE = `
local function needWake(idle, prefix)
  need('HLEN', idle) need('HGETALL', idle) need('HRANDFIELD', idle, 64, 'WITHVALUES') need('HDEL', idle, 'a')
  need('PUBLISH', prefix .. 'a', 'a')
end
local function wake(idle, prefix, pattern)
  local known = redis.call('HLEN', idle)
  if known == 0 then return end
  local workers = known <= 64 and redis.call('HGETALL', idle) or redis.call('HRANDFIELD', idle, 64, 'WITHVALUES')
  local woken = 0
  for i = 1, #workers, 2 do
    if not pattern or string.find(workers[i + 1], '\\n' .. pattern .. '\\n', 1, true) then
      redis.call('HDEL', idle, workers[i])
      -- Nobody there: it died. On a Cluster the others' nodes are not counted, and more of them are woken.
      if redis.call('PUBLISH', prefix .. workers[i], 'wake') > 0 then woken = woken + 1 end
      if woken == 2 then return end
    end
  end
end
`;

/**
 * Added to scripts: `enter(list, job, rank, isFirst, ranked, patterns, pattern)` puts a job into the list of its priority, last
 * or first. The rank is '' for the waiting list and `high` for that of the highest; another one is noted down, where
 * workers look, and the pattern too: it may be one that no worker serves. `needEnter(list, ranked, patterns)` asks for the rights.
 */
export const ENTER = `
local function needEnter(list, ranked, patterns)
  need('LPUSH', list, 'a') need('RPUSH', list, 'a') need('ZADD', ranked, 1, 'a') need('ZADD', patterns, 1, 'a')
end
local function enter(list, job, rank, isFirst, ranked, patterns, pattern)
  if isFirst then redis.call('RPUSH', list, job) else redis.call('LPUSH', list, job) end
  if rank == '' or rank == 'high' then return end
  redis.call('ZADD', ranked, -rank, rank .. ':' .. pattern)
  redis.call('ZADD', patterns, 'NX', now - 1, pattern)
end
`;

/**
 * Added to scripts: `giveBack(returned, high, job, fence)` puts a job where those stand that were taken before, in the order
 * in which they were. The very same text twice finds its place taken: it goes first then.
 */
export const GIVE_BACK = `
local function giveBack(returned, high, job, fence)
  if redis.call('ZADD', returned, 'NX', fence, job) == 0 then redis.call('RPUSH', high, job) end
end
local function fenceOf(lease) return tonumber(string.match(lease, '^%d+')) or 0 end
`;

/** What nobody looks after any more ends by itself, so long after it was last of use. */
const HOUR_MS = 3_600_000;
const CENTURY_MS = 3_155_760_000_000;

/** Added to scripts: `endure(key, ms)` lets a key live for at least so long. */
export const KEEP = `
local function endure(key, ms)
  ms = math.min(tonumber(ms), ${CENTURY_MS})
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms + ${HOUR_MS}) end
end
`;

/** Scores of ids that are nearer to zero are no instants, but for how long the id is taken: an earlier version wrote them. */
const FIRST_INSTANT_MS = 1_000_000_000_000;

/**
 * Added to scripts, behind NOW: `takenSince(added)` gives the score of an id whose job is there: minus the instant at which it was
 * added, by which it is found. `hintOf(added, due, ms)` gives what else is noted of it, where that is anything; `ms` is for how long
 * its id is taken when it has ended, '' for the usual time. `freeAt(score, hint)` gives the end of that for one that ends now, and
 * `takenUntil(score)` what a score says: below zero while its job is there.
 *
 * A worker of an earlier version takes the score for minus the time for which the id is taken, and ends its job with the sum of two
 * instants: one some decades off. An id that is meant to be taken for so long is taken for a century more, so that the two differ.
 */
export const TAKEN_IDS = `
local function takenSince(added)
  added = tonumber(added) or 0
  return string.format('%.0f', -(added > ${FIRST_INSTANT_MS} and added or now))
end
local function hintOf(added, due, ms)
  local text = string.format('%.0f %.0f', added, due)
  return ms and ms ~= '' and text .. ' ' .. ms or text
end
local function dedupOf(hint) return hint and string.match(hint, '^%d+ %d+ (%d+)$') or nil end
local function freeAt(score, hint)
  score = tonumber(score)
  local ms = tonumber(dedupOf(hint) or (score > -${FIRST_INSTANT_MS} and -score) or ${DEDUP_MS})
  return now + (ms < ${FIRST_INSTANT_MS} and ms or ms + ${CENTURY_MS})
end
local function isSum(score) return score - now >= ${FIRST_INSTANT_MS} and score - now < ${CENTURY_MS} end
local function takenUntil(score)
  score = tonumber(score) or 0
  return isSum(score) and math.floor(score / 2) + ${DEDUP_MS} or score
end
`;

/** Added to scripts, behind TAKEN_IDS: `mendIds(key, most)` writes anew what workers of an earlier version wrote as a sum of instants. */
export const MEND_IDS = `
local function mendIds(key, most)
  local from, to = string.format('%.0f', now + ${FIRST_INSTANT_MS}), string.format('(%.0f', now + ${CENTURY_MS})
  local sums = redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #sums, 2 do redis.call('ZADD', key, takenUntil(sums[i + 1]), sums[i]) end
end
`;

/**
 * Added to scripts: `latestOf(delay, job, ms)` is what is kept of a job that was added while one with its id was there, and
 * `readLatest(text)` gives the three; `ms` is for how long its id is taken when it has ended, '' for the usual time. That stands in the
 * text of the job, where a worker of an earlier version does not mind it.
 */
export const LATEST = `
local function latestOf(delay, job, ms)
  return delay .. ' ' .. (ms == '' and job or string.sub(job, 1, -2) .. ',"dedupMs":' .. ms .. '}')
end
local function readLatest(text)
  local delay, job = string.match(text, '^(%d+) (.*)$')
  local head, ms = string.match(job, '^(.*),"dedupMs":(%d+)}$')
  return delay, head and head .. '}' or job, ms or ''
end
`;

/** Added to scripts: `endureIds(key)` lets ids end by themselves, once no job has one of them any more. */
export const KEEP_IDS = `
local function endureIds(key)
  if redis.call('ZCOUNT', key, '-inf', '(0') > 0 then return end
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[2] then redis.call('PEXPIREAT', key, string.format('%.0f', last[2] + ${HOUR_MS})) end
end
`;

/** Elements of a list that one script may compare: LPOS and LREM look at each on their way. */
const NEAR = 50_000;
/** So many bytes, and elements to either side of where one was seen, a list that has moved since then is looked through. */
const AROUND_BYTES = 262_144;
const AROUND = 1_000;

/**
 * Added to scripts: `find(list, text, index, length)` gives the index of an element of a list; nil where it is not there, or -1
 * where it is not near where it was seen, and has to be looked for again: what that costs is bounded. `index` and `length`
 * tell where it was seen, and of how many. `needFind(list)` is for the rights to do so.
 */
export const FIND = `
local function needFind(list)
  need('LPOS', list, 'a') need('LLEN', list) need('LRANGE', list, 0, 0)
end
local function find(list, text, index, length)
  local now = redis.call('LLEN', list)
  local around = math.max(10, math.min(${AROUND}, math.floor(${AROUND_BYTES} / #text)))
  local isFar = math.min(index, length - index) > ${NEAR}
  for _, at in ipairs(isFar and { index, index - length + now } or {}) do
    local from = math.max(0, at - around)
    for i, element in ipairs(redis.call('LRANGE', list, from, math.max(from, at + around))) do
      if element == text then return from + i - 1 end
    end
  end
  -- Of the very same text twice it is the one that was seen.
  for _, from in ipairs(index <= length / 2 and { 1, -1 } or { -1, 1 }) do
    local at = redis.call('LPOS', list, text, 'RANK', from, 'MAXLEN', ${NEAR})
    if at then return at end
  end
  return now > 2 * ${NEAR} and -1 or nil
end
`;

/**
 * Added to scripts: `takeOut(list, text, index, length)` takes an element out of a list, which is found as `find` does, and
 * returns 1; 0 where it is not there, or -1 where it has to be looked for again. In the place of one that is far from both
 * ends the first of the list is put: to go there element by element would hold up all others. `needTakeOut(list)` is
 * for the rights to do so.
 */
export const TAKE_OUT = `${FIND}
local function needTakeOut(list)
  needFind(list) need('LREM', list, 1, 'a') need('LPOP', list) need('LSET', list, 0, 'a')
end
local function takeOut(list, text, index, length)
  local at = find(list, text, index, length)
  if not at then return 0 end
  if at < 0 then return -1 end
  local fromTail = redis.call('LLEN', list) - at
  if math.min(at, fromTail) <= ${NEAR} then return redis.call('LREM', list, at < fromTail and 1 or -1, text) end
  local head = redis.call('LPOP', list)
  redis.call('LSET', list, at - 1, head)
  return 1
end
`;
