import { Script } from '../../redis/script.js';
import { RANK_SUFFIX } from '../model/queue-keys.js';

/** Elements looked at to either side of where a job should be, and behind that as long as they are of its millisecond. */
const AROUND = 500;
const MAX_SEEN = 5_000;
const MAX_BYTES = 1_048_576;

/**
 * Added to scripts: `near(list, isBefore, is)` goes to the place of a sorted list where `isBefore(element)` becomes false, and looks
 * around it. Clocks of producers differ, and some jobs came back: so it is a good guess, and no more. Gives the index and the
 * element for which `is` is true.
 */
const NEAR = `
local seen, bytes = 0, 0
local function look(list, from, to, is)
  for i, element in ipairs(redis.call('LRANGE', list, from, to)) do
    seen, bytes = seen + 1, bytes + #element
    if is(element) then return from + i - 1, element end
  end
end
local function near(list, isBefore, isSame, is)
  local length = redis.call('LLEN', list)
  if length == 0 then return end
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isBefore(redis.call('LINDEX', list, middle)) then low = middle + 1 else high = middle end
  end
  seen, bytes = 0, 0
  local at, step = low, 20
  while at < length and seen < ${MAX_SEEN} and bytes < ${MAX_BYTES} do
    local index, element = look(list, at, at + step - 1, is)
    if index then return index, element, length end
    at, step = at + step, 100
    if at > low + ${AROUND} and at < length and not isSame(redis.call('LINDEX', list, at)) then break end
  end
  at = low
  while at > 0 and at > low - ${AROUND} and bytes < 2 * ${MAX_BYTES} do
    local index, element = look(list, math.max(0, at - 100), at - 1, is)
    if index then return index, element, length end
    at = at - 100
  end
end
`;

/**
 * Find a job that waits, runs or is delayed by its id and the time at which it was added: what that costs does not follow the
 * length of the queue.
 *
 * KEYS  1 waiting   2 high   3 patterns   4 returned   5 owners   6 ranked   7 in progress   8 delayed
 * ARGV  1 key of a list set aside up to the pattern   2 after it   3 after it, of the list that goes first   4 key of leases up to
 *       the worker   5 key of an inbox up to the worker   6 id as JSON   7 when it was added (ISO 8601)   8 when it is due (Unix
 *       ms), '' where that is not known
 * Returns nothing where it is not found, else its state, the key it is in, its text, its index and the number of elements there.
 *
 * One script, because the job may move from place to place.
 */
export const locate = new Script<
  [] | [state: string, place: string, raw: string, index: number, length: number]
>(
  'queue.locate',
  8,
  `${NEAR}
local needle, wanted = '"mid":' .. ARGV[6], ARGV[7]
local function is(element) return string.find(element, needle, 1, true) ~= nil end
local function timeOf(element) return element and string.match(element, '"ts":"([^"]*)"') or '' end
local function isBefore(element) return timeOf(element) > wanted end
local function isSame(element) return timeOf(element) == wanted end
if ARGV[8] ~= '' then
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8], ARGV[8], ARGV[8], 'LIMIT', 0, 1000)) do
    if is(job) then return { 'delayed', KEYS[8], job, 0, 0 } end
  end
end
local held = 0
for _, owner in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
  held = held + redis.call('HLEN', ARGV[4] .. owner)
  if held > ${MAX_SEEN} then break end
  for i, job in ipairs(redis.call('HVALS', ARGV[4] .. owner)) do
    if is(job) then return { 'active', ARGV[4] .. owner, job, i - 1, 0 } end
  end
end
for i, job in ipairs(redis.call('ZRANGE', KEYS[4], 0, 999)) do
  if is(job) then return { 'waiting', KEYS[4], job, i - 1, 0 } end
end
local places = { KEYS[1], KEYS[2] }
for _, pattern in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  places[#places + 1] = ARGV[1] .. pattern .. ARGV[2]
  places[#places + 1] = ARGV[1] .. pattern .. ARGV[3]
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[6], 0, -1)) do
  local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
  if rank then places[#places + 1] = ARGV[1] .. pattern .. '${RANK_SUFFIX}' .. rank end
end
for _, owner in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do places[#places + 1] = ARGV[5] .. owner end
for _, list in ipairs(places) do
  local index, job, length = near(list, isBefore, isSame, is)
  if index then return { 'waiting', list, job, index, length } end
end
local index, job, length = near(KEYS[7], isBefore, isSame, is)
if index then return { 'active', KEYS[7], job, index, length } end
return {}
`,
  'reads',
);

/**
 * Find a dead letter by its id and the time of its death.
 *
 * KEYS  1 dead letters
 * ARGV  1 id as JSON   2 when it died (ISO 8601)
 * Returns nothing where it is not found, else its text, its index and the number of dead letters.
 *
 * A script only to keep the others from travelling.
 */
export const locateDead = new Script<[] | [raw: string, index: number, length: number]>(
  'queue.locateDead',
  1,
  `${NEAR}
local needle, wanted = '"mid":' .. ARGV[1], ARGV[2]
local function is(element) return string.find(element, needle, 1, true) ~= nil end
local function timeOf(element)
  local head = element and string.find(element, '"hydraDead":', 1, true)
  return head and string.match(element, '"diedOn":"([^"]+)"', head) or ''
end
local index, letter, length = near(KEYS[1], function(e) return timeOf(e) < wanted end, function(e) return timeOf(e) == wanted end, is)
if index then return { letter, index, length } end
return {}
`,
  'reads',
);
