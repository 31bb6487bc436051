import { NOW } from '../../redis/lua-clock.js';
import { Script } from '../../redis/script.js';
import { LEFT, NOBODY, QUEUED, REMOVED } from '../../streams/scripts/group-lua.js';
import { RANK_SUFFIX } from '../../queue/model/queue-keys.js';

/** Stands in the place of a right where a service was passed over, because its script had read enough instances. */
export const TOO_MANY = 2;

/** Reads, where the user may: `may` says afterwards whether it could. */
const ASK = `
local may = 1
local function ask(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then
    may = 0
    return nil
  end
  local found = redis.pcall(...)
  if type(found) ~= 'table' or not found.err then return found end
  if string.find(found.err, 'NOPERM', 1, true) or string.find(found.err, "can't", 1, true) then may = 0 end
end
local function number(...)
  local found = ask(...)
  return type(found) == 'number' and found or 0
end
local function list(...)
  local found = ask(...)
  return type(found) == 'table' and found or {}
end
local function asked()
  local could = may
  may = 1
  return could
end
`;

/** Instances that one script reads, with a text of each: some megabytes, and milliseconds. */
const MAX_INSTANCES = 2_000;

const SERVICE = `
local left = ${MAX_INSTANCES}
local function service(instances, beats, revisions, before, after)
  local size = number('HLEN', instances)
  if size > left then return { ${TOO_MANY}, ${TOO_MANY}, ${TOO_MANY}, {}, {}, {}, {} } end
  left = left - size
  local records, overdue = list('HVALS', instances), list('ZRANGEBYSCORE', beats, '-inf', now - ARGV[2])
  local mayRegistry, texts, places = asked(), {}, {}
  for place, record in ipairs(before and records or {}) do
    places[#places + 1] = before .. (string.match(record, '"instanceID":"([^"]*)"') or '') .. after
    if #places == 1000 or place == #records then
      for _, text in ipairs(list('MGET', unpack(places))) do texts[#texts + 1] = text or '' end
      places = {}
    end
  end
  local mayTexts = asked()
  local stored = list('HGETALL', revisions)
  return { mayRegistry, mayTexts, asked(), overdue, records, texts, stored }
end
`;

const QUEUE = `
local function queue(waiting, high, returned, patterns, ranked, incomplete, inProgress, owners, paused, before, after, afterFirst)
  local count, oldest, ranks = number('ZCARD', returned), nil, {}
  local function older(job)
    local added = job and string.match(job, '"ts":"([^"]*)"')
    if added and (not oldest or added < oldest) then oldest = added end
  end
  local function add(place)
    local length = number('LLEN', place)
    if length > 0 then older(ask('LINDEX', place, -1)) end
    count = count + length
    return length
  end
  older(list('ZRANGE', returned, 0, 0)[1])
  add(waiting)
  add(high)
  for _, member in ipairs(list('ZRANGE', ranked, 0, -1)) do
    local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
    if rank then ranks[pattern] = (ranks[pattern] or 0) + add(before .. pattern .. '${RANK_SUFFIX}' .. rank) end
  end
  local unhandled = {}
  local known = list('ZRANGE', patterns, 0, -1, 'WITHSCORES')
  for at = 1, #known, 2 do
    local pattern = known[at]
    local aside = add(before .. pattern .. after) + add(before .. pattern .. afterFirst) + (ranks[pattern] or 0)
    if aside > 0 and tonumber(known[at + 1]) < now then
      table.insert(unhandled, pattern)
      table.insert(unhandled, aside)
    end
  end
  local dead, taken = number('LLEN', incomplete), number('LLEN', inProgress)
  local workers, isPaused = number('ZCOUNT', owners, now, '+inf'), number('EXISTS', paused)
  return { asked(), count, dead, taken, workers, isPaused, oldest or '', unhandled }
end
`;

const STREAM = `
-- Where they are not known, -1.
local function group(stream, info, before, ends)
  local name, delivered = info[2], info[8]
  local unread = list('XRANGE', stream, '(' .. delivered, '+', 'COUNT', 1)[1]
  local readers, count, gone, idle = {}, 0, 0, -1
  for _, about in ipairs(list('XINFO', 'CONSUMERS', stream, name)) do
    local consumer, pending = about[2], about[4]
    local owner = string.gsub(consumer, '~$', '')
    if consumer == '${QUEUED}' or consumer == '${REMOVED}' or consumer == '${NOBODY}' then
      -- It stands for no process.
    elseif #owner == 32 and string.find(owner, '^%x+$') then
      local beat = ask('GET', before .. 'consumer:' .. name .. ':' .. owner)
      if not beat or beat == '${LEFT}' then
        gone = gone + pending
      elseif not readers[owner] then
        readers[owner] = true
        count = count + 1
      end
    elseif idle < 0 or about[6] < idle then
      idle = about[6]
    end
  end
  local lost = tonumber(ask('GET', ends[1] .. name) or '') or 0
  local dead = number('XLEN', ends[2] .. name)
  return { name, delivered, info[12] or -1, unread and unread[1] or '', info[6], gone, count, idle, lost, dead }
end
local function stream(key, before, lost, dead)
  local groups = {}
  local length = number('XLEN', key)
  if length == 0 and number('EXISTS', key) == 0 then return { asked(), 0, '', groups } end
  local first = list('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  for _, info in ipairs(list('XINFO', 'GROUPS', key)) do
    table.insert(groups, group(key, info, before, { lost, dead }))
  end
  return { asked(), length, first and first[1] or '', groups }
end
`;

/**
 * Read how it stands with services, queues and streams, and change nothing.
 *
 * KEYS  any of them, where several servers stand behind one address: so that the right one is asked
 * ARGV  1 `[services, queues, streams]` as JSON, a list of names of keys for each of them   2 for how long (ms) an instance may
 *       be overdue
 * Returns for each what the functions above return. What cannot be read, because another type of data stands in its place, is
 * nothing.
 *
 * One script, because a thousand services would be ten thousand commands. The keys need not be declared: each is asked for
 * first, so that a user who may read some of them is not refused the others.
 */
export const survey = new Script<Surveyed>(
  'doctor.survey',
  0,
  `${NOW}${ASK}${SERVICE}${QUEUE}${STREAM}
local wanted, answer = cjson.decode(ARGV[1]), {}
for kind, look in ipairs({ service, queue, stream }) do
  answer[kind] = {}
  for place, names in ipairs(wanted[kind]) do answer[kind][place] = look(unpack(names)) end
end
return answer
`,
  'reads',
);

/** As the script answers. */
export type Surveyed = readonly [
  services: readonly SurveyedService[],
  queues: readonly SurveyedQueue[],
  streams: readonly SurveyedStream[],
];

export type SurveyedService = readonly [
  ...[mayRegistry: 0 | 1 | 2, mayTexts: 0 | 1 | 2, mayConfigurations: 0 | 1 | 2],
  ...[overdue: readonly string[], records: readonly string[]],
  /** One for each record; '' where there is none. */
  ...[texts: readonly string[], revisions: readonly string[]],
];

export type SurveyedQueue = readonly [
  ...[may: 0 | 1, waiting: number, deadLetters: number, inProgress: number, workers: number],
  ...[isPaused: number, oldest: string, unhandled: readonly (string | number)[]],
];

export type SurveyedStream = readonly [
  ...[may: 0 | 1, length: number, first: string, groups: readonly SurveyedGroup[]],
];

export type SurveyedGroup = readonly [
  ...[name: string, delivered: string, lag: number, unread: string, pending: number],
  ...[heldByGone: number, readers: number, foreignIdleMs: number, lost: number, deadLetters: number],
];
