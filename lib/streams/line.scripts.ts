import { Script } from '../redis/script.js';
import { COMMON, NEXT, type WireEntry } from './group.lua.js';

/**
 * Line up entries that were read, each behind the earlier ones with the same key.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 '1' to be told `others`   then owner, id, key ('' for none) by turns, ids ascending
 * Returns for each entry: 0 its owner has it and its turn has come, 1 it stands in line, 2 say the key of `others` too,
 *   3 it is not its owner's any more; then how many stand in line; then the `others`: owner, id and fields of entries
 *   that were read before and whose key nobody has said.
 *
 * One script, because two instances that line up for one key must agree. Any of them may say the key of an entry that
 * another has read: that one may be slow, or dead, and the rest must not wait for it.
 */
export const lineUp = new Script<LineUpReply>(
  'streams.lineUp',
  2,
  `${COMMON}
local tellOthers, given, last = ARGV[3] == '1', {}, padded(ARGV[#ARGV - 1])
for at = 4, #ARGV, 3 do given[ARGV[at + 1]] = ARGV[at] end
local unlined, others, barrier, inLine = {}, {}, nil, 0
local function mind(owner, id)
  local text = padded(id)
  if text >= last or given[id] == owner then return end
  if not barrier or text < barrier then barrier = text end
  -- Those left out are said in the next rounds: the barrier stands before them.
  if not tellOthers or #others >= 500 then return end
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then table.insert(others, { owner, id, entry[2] }) else redis.call('XACK', stream, group, id) end
end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local name, pending = info[2], info[4]
  if name == IN_LINE then inLine = pending end
  if pending > 0 and string.sub(name, -1) == UNLINED then
    local owner = string.sub(name, 1, -2)
    for _, row in ipairs(pendingOf(name, '-', '+', 10000)) do
      unlined[row[1]] = owner
      mind(owner, row[1])
    end
  end
end

local places, members, added, granted = {}, {}, {}, {}
local function grant(id, consumer)
  granted[consumer] = granted[consumer] or {}
  table.insert(granted[consumer], id)
end
for at = 4, #ARGV, 3 do
  local owner, id, key = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local text = padded(id)
  if unlined[id] ~= owner then
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
for at = 4, #ARGV, 3 do
  local owner, id, key = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if members[id] then
    places[id] = firstOf(key) == members[id] and 0 or 1
    grant(id, places[id] == 0 and owner or IN_LINE)
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
    elseif consumer == IN_LINE then
      inLine = inLine + 1
    end
  end
end
local list = {}
for at = 4, #ARGV, 3 do table.insert(list, places[ARGV[at + 1]]) end
return { list, inLine, others }
`,
);

/** See {@link lineUp}. */
export type LineUpReply = [
  places: number[],
  inLine: number,
  others: (readonly [owner: string, id: string, fields: string[]])[],
];

/**
 * Set lines going again that nobody moves on: their first entry was acknowledged by a stranger, or the order was lost.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 how many to take at most
 * Returns the entries that are the consumer's now.
 */
export const mendLines = new Script<WireEntry[]>(
  'streams.mendLines',
  2,
  `${COMMON}${NEXT}
local inLine = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  if info[2] == IN_LINE then inLine = info[4] end
end
local taken, limit = {}, tonumber(ARGV[3])
if redis.call('ZCARD', order) < inLine then
  for _, row in ipairs(pendingOf(IN_LINE, '-', '+', limit)) do
    local entry = take(row[1], me .. UNLINED, row[4], 1)
    if entry then table.insert(taken, entry) end
  end
  return taken
end
local last
for _, member in ipairs(redis.call('ZRANGE', order, 0, -1)) do
  local key = string.sub(member, 1, #member - 42)
  if key ~= last and #taken < limit then
    last = key
    local entry = nextOf(key)
    if entry then table.insert(taken, entry) end
  end
end
return taken
`,
);
