import { Script } from '../../redis/script.js';
import { COMMON, NEXT, BATCH_SIZE, type WireEntry } from './group-lua.js';

/** How many entries of others one script tells of: their keys are told at once, with those of as many of ours. */
const OTHERS_SIZE = 200;

/**
 * Order entries that were read, each behind the earlier ones with the same key.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 '1' to be told `others`   then owner, id, key ('' for none) in turn, ids ascending
 * Returns for each entry: 0 it is the first of its key and its owner has it, 1 it is queued, 2 tell the keys of `others` too,
 *   3 it is not its owner's any more; then how many are queued; then the `others`: owner, id and fields of entries
 *   that were read before and whose key nobody has told; then how many consumers the group has.
 *
 * One script, because two instances that order entries of one key must agree. Any of them may tell the key of an entry that
 * another has read: that one may be slow, or dead, and the rest must not wait for it.
 */
export const enqueueByKey = new Script<EnqueueReply>(
  'streams.enqueueByKey',
  2,
  `${COMMON}
local tellOthers, given, last = ARGV[3] == '1', {}, ARGV[#ARGV - 1]
mayAcknowledge(stream, group)
mayClaim(stream, group, me)
mayOrder(order)
redis.call('XRANGE', stream, '0-0', '0-0')
local counts, unordered, others, barrier, queued = {}, {}, {}, nil, 0
for at = 4, #ARGV, 3 do
  local owner, id = ARGV[at], ARGV[at + 1]
  given[id] = owner
  counts[owner] = (counts[owner] or 0) + 1
  if holder(id) == owner .. UNORDERED then unordered[id] = owner end
end
local function mind(owner, id)
  local text = padded(id)
  if not barrier or text < barrier then barrier = text end
  -- Those left out are told in the next rounds: the barrier stands before them.
  if not tellOthers or #others >= ${OTHERS_SIZE} then return end
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then table.insert(others, { owner, id, entry[2] }) else redis.call('XACK', stream, group, id) end
end
-- The earlier ones of another reader, in pages; without need of them all, the first of each reader will do.
local function mindAll(name, owner)
  local from, most, seen = '-', tellOthers and math.max(1, ${OTHERS_SIZE} - #others) or 1, 0
  while seen < most do
    local page = math.min(${OTHERS_SIZE}, most + (counts[owner] or 0))
    local rows = pendingOf(name, from, last, page)
    for _, row in ipairs(rows) do
      if given[row[1]] ~= owner and row[1] ~= last and seen < most then
        mind(owner, row[1])
        seen = seen + 1
      end
    end
    if #rows < page then return end
    from = '(' .. rows[#rows][1]
  end
end
local consumers = redis.call('XINFO', 'CONSUMERS', stream, group)
for _, info in ipairs(consumers) do
  local name, pending = info[2], info[4]
  if name == QUEUED then queued = pending end
  if pending > 0 and string.sub(name, -1) == UNORDERED then mindAll(name, string.sub(name, 1, -2)) end
end

local places, members, added, granted = {}, {}, {}, {}
local function grant(id, consumer)
  granted[consumer] = granted[consumer] or {}
  table.insert(granted[consumer], id)
end
for at = 4, #ARGV, 3 do
  local owner, id, key = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local text = padded(id)
  if unordered[id] ~= owner then
    places[id] = holder(id) == owner and 0 or 3
  elseif barrier and text > barrier then
    places[id] = 2
  elseif key == '' then
    places[id] = 0
    grant(id, owner)
  else
    members[id] = key .. '\\0' .. text
    table.insert(added, 0)
    table.insert(added, members[id])
  end
end
for at = 1, #added, 1000 do redis.call('ZADD', order, unpack(added, at, math.min(at + 999, #added))) end
if #added > 0 then keepAWhile(order) end
for at = 4, #ARGV, 3 do
  local owner, id, key = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if members[id] then
    places[id] = firstOf(key) == members[id] and 0 or 1
    grant(id, places[id] == 0 and owner or QUEUED)
  end
end
for consumer, ids in pairs(granted) do
  local command, has = { 'XCLAIM', stream, group, consumer, 0, unpack(ids) }, {}
  table.insert(command, 'JUSTID')
  for _, id in ipairs(redis.call(unpack(command))) do has[id] = true end
  for _, id in ipairs(ids) do
    if not has[id] then
      -- Deleted from the stream.
      places[id] = 3
      if members[id] then redis.call('ZREM', order, members[id]) end
    elseif consumer == QUEUED then
      queued = queued + 1
    end
  end
end
local list = {}
for at = 4, #ARGV, 3 do table.insert(list, places[ARGV[at + 1]]) end
return { list, queued, others, #consumers }
`,
);

/** See {@link enqueueByKey}. */
export type EnqueueReply = [
  places: number[],
  queued: number,
  others: (readonly [owner: string, id: string, fields: string[]])[],
  consumers: number,
];

/**
 * Put back into the order what has its place already, in line or in progress: the order may be gone, with its life or by hand.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 '1' to do nothing unless more entries are in line than the order has
 *       4 where the look continues: '-', an exclusive id, or '' to look no further   then id, key in turn
 * Returns ids and fields of entries whose keys are wanted, and the next 4.
 *
 * Several scripts: entries that end in between are not put back, and to put one back twice changes nothing.
 */
export const restoreOrder = new Script<
  [entries: (readonly [id: string, fields: string[]])[], nextFrom: string]
>(
  'streams.restoreOrder',
  2,
  `${COMMON}
mayAcknowledge(stream, group)
mayOrder(order)
if ARGV[3] == '1' then
  local queued = 0
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    if info[2] == QUEUED then queued = info[4] end
  end
  if redis.call('ZCARD', order) >= queued then return { {}, '' } end
end
for at = 5, #ARGV, 2 do
  local owner = holder(ARGV[at])
  if owner and string.sub(owner, -1) ~= UNORDERED then
    redis.call('ZADD', order, 0, ARGV[at + 1] .. '\\0' .. padded(ARGV[at]))
  end
end
keepAWhile(order)
if ARGV[4] == '' then return { {}, '' } end
local rows, entries = redis.call('XPENDING', stream, group, ARGV[4], '+', ${OTHERS_SIZE}), {}
for _, row in ipairs(rows) do
  local id, name = row[1], row[2]
  if name == QUEUED or (#name == 32 and string.find(name, '^%x+$')) then
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then table.insert(entries, { id, entry[2] }) end
  end
end
return { entries, #rows == ${OTHERS_SIZE} and '(' .. rows[#rows][1] or '' }
`,
);

/**
 * Find keys whose entries stand still, and take the first of each: the one before was acknowledged by another program, or the
 * order was lost.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 how many to take at most   4 where the look continues: '-', or the last member looked at
 * Returns the entries that are the consumer's now, and the next 4.
 */
export const repairOrder = new Script<[taken: WireEntry[], nextFrom: string]>(
  'streams.repairOrder',
  2,
  `${COMMON}${NEXT}
local queued = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  if info[2] == QUEUED then queued = info[4] end
end
local taken, limit = {}, math.min(tonumber(ARGV[3]), ${BATCH_SIZE})
mayAcknowledge(stream, group)
mayClaim(stream, group, me)
mayOrder(order)
if redis.call('ZCARD', order) < queued then
  for _, row in ipairs(pendingOf(QUEUED, '-', '+', limit)) do
    local entry = take(row[1], me .. UNORDERED, row[4], 1)
    if entry then table.insert(taken, entry) end
  end
  return { taken, '-' }
end
local from, last = ARGV[4] == '-' and '-' or '(' .. ARGV[4], nil
local members = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, ${BATCH_SIZE})
for _, member in ipairs(members) do
  local key = string.sub(member, 1, #member - 42)
  if key ~= last and #taken < limit then
    last = key
    local entry = nextOf(key)
    if entry then table.insert(taken, entry) end
  end
end
return { taken, #members == ${BATCH_SIZE} and members[#members] or '-' }
`,
);
