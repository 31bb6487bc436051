import { Script } from '../redis/script.js';

/** An entry as scripts give it: id, deliveries so far, fields, and 1 when it has not been lined up yet. */
export type WireEntry = readonly [id: string, deliveries: number, fields: string[], unlined: 0 | 1];

/** Who holds entries whose turn has not come: an earlier one with the same key is still being handled. */
export const IN_LINE = 'in-line';

/** Ending of the consumer name under which an instance holds what it has read and not lined up yet. */
export const UNLINED = '~';

/**
 * Added to every script. Ids are compared as texts of a fixed width; a line is the part of the order (zset, scores 0) that
 * starts with its key.
 */
const COMMON = `
local IN_LINE, UNLINED = '${IN_LINE}', '${UNLINED}'
local stream, order = KEYS[1], KEYS[2]
local group, me = ARGV[1], ARGV[2]

local function padded(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return string.rep('0', 20 - #ms) .. ms .. '-' .. string.rep('0', 20 - #seq) .. seq
end
local function unpadded(text)
  local ms, seq = string.match(text, '^0*(%d+)-0*(%d+)$')
  return ms .. '-' .. seq
end
local function pendingOf(consumer, from, to, limit)
  return redis.call('XPENDING', stream, group, from, to, limit, consumer)
end
local function holder(id)
  local row = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if row then return row[2], row[4] end
end
-- The entry itself, for a consumer; nil when it is not in the stream any more, and then it is not pending either.
local function take(id, consumer, deliveries, unlined)
  local entry = redis.call('XCLAIM', stream, group, consumer, 0, id, 'RETRYCOUNT', deliveries)[1]
  if entry then return { id, deliveries, entry[2], unlined } end
  redis.call('XACK', stream, group, id)
end
local function firstOf(key)
  return redis.call('ZRANGEBYLEX', order, '[' .. key .. '\\0', '(' .. key .. '\\1', 'LIMIT', 0, 1)[1]
end
`;

/** Added to scripts that end an entry: whose turn comes next in its line. */
const NEXT = `
local function nextOf(key)
  while true do
    local first = firstOf(key)
    if not first then return end
    local id = unpadded(string.sub(first, #key + 2))
    local owner, deliveries = holder(id)
    -- In somebody's hands: its turn has come already.
    if owner and owner ~= IN_LINE then return end
    local entry = owner and take(id, me, deliveries, 0)
    if entry then return entry end
    -- Acknowledged by a stranger, or deleted from the stream.
    redis.call('ZREM', order, first)
  end
end
local function moveOn(id, key, successors)
  redis.call('ZREM', order, key .. '\\0' .. padded(id))
  local entry = nextOf(key)
  if entry then table.insert(successors, entry) end
end
`;

/**
 * Make the group, at a position; with the stream if that is not there.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 position ('$', '0', or an id: the last entry that counts as delivered)
 * Returns 1 when it was made, 0 when it was there.
 *
 * One script, because the order of a group that was lost must go before anybody lines up for the new one. A position
 * beyond the stream's end belongs to a stream that was lost too: then everything in the new one is to be delivered.
 */
export const ensureGroup = new Script<number>(
  2,
  `${COMMON}
local position = ARGV[2]
if redis.call('EXISTS', stream) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if info[2] == group then return 0 end
  end
  if string.find(position, '-', 1, true) then
    local info = redis.call('XINFO', 'STREAM', stream)
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' and padded(info[at + 1]) < padded(position) then position = '0' end
    end
  end
elseif position ~= '$' then
  position = '0'
end
redis.call('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
redis.call('DEL', order)
return 1
`,
);

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
  2,
  `${COMMON}
local tellOthers, given, last = ARGV[3] == '1', {}, padded(ARGV[#ARGV - 1])
for at = 4, #ARGV, 3 do given[ARGV[at + 1]] = ARGV[at] end
local unlined, others, barrier, inLine = {}, {}, nil, 0
local function mind(owner, id)
  local text = padded(id)
  if text >= last or given[id] == owner then return end
  if not barrier or text < barrier then barrier = text end
  if not tellOthers then return end
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
 * Acknowledge entries that are still the consumer's, and take those whose turn comes.
 *
 * KEYS  1 stream   2 order   3 the consumer's sign of life
 * ARGV  1 group   2 consumer   3 the life of the consumer in which it took them   4 how many
 *       then the ids, then their keys if they have any
 * Returns how many were acknowledged, and the entries that are the consumer's now.
 *
 * One script, because an entry that was claimed away meanwhile belongs to another, whose line must not move on. While the
 * sign of that life stands nobody has claimed any, and no look is needed.
 */
export const acknowledge = new Script<[acknowledged: number, successors: WireEntry[]]>(
  3,
  `${COMMON}${NEXT}
local count = tonumber(ARGV[4])
local ids, keys, successors = { unpack(ARGV, 5, 4 + count) }, { unpack(ARGV, 5 + count) }, {}
if redis.call('GET', KEYS[3]) ~= ARGV[3] then
  local mine = {}
  for _, row in ipairs(pendingOf(me, '-', '+', 100000)) do mine[row[1]] = true end
  for at = #ids, 1, -1 do
    if not mine[ids[at]] then
      table.remove(ids, at)
      if #keys > 0 then table.remove(keys, at) end
    end
  end
end
if #ids > 0 then redis.call('XACK', stream, group, unpack(ids)) end
for at, key in ipairs(keys) do
  if key ~= '' then moveOn(ids[at], key, successors) end
end
return { #ids, successors }
`,
);

/**
 * Note that an attempt begins, if the entry is still the consumer's.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 id   4 attempt
 * Returns 1, or 0 when it is not the consumer's.
 *
 * One script, because noting it for an entry that was claimed away would take it back.
 */
export const begin = new Script<number>(
  2,
  `${COMMON}
if holder(ARGV[3]) ~= me then return 0 end
redis.call('XCLAIM', stream, group, me, 0, ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')
return 1
`,
);

/**
 * Put an entry that is given up among the dead letters, and acknowledge it.
 *
 * KEYS  1 stream   2 order   3 dead letters
 * ARGV  1 group   2 consumer   3 id   4 key ('' for none)   then the dead letter's fields
 * Returns how many were buried, and the entries that are the consumer's now.
 *
 * One script, because a crash in between would lose the entry or bury it twice.
 */
export const bury = new Script<[buried: number, successors: WireEntry[]]>(
  3,
  `${COMMON}${NEXT}
if holder(ARGV[3]) ~= me then return { 0, {} } end
redis.call('XADD', KEYS[3], '*', unpack(ARGV, 5))
local successors = {}
redis.call('XACK', stream, group, ARGV[3])
if ARGV[4] ~= '' then moveOn(ARGV[3], ARGV[4], successors) end
return { 1, successors }
`,
);

/**
 * Say that the consumer is alive, and take what consumers left that are not.
 *
 * KEYS  1 stream   2 order   3 the consumer's sign of life
 * ARGV  1 group   2 consumer   3 how long the sign stands, in ms   4 the sign's key up to the name
 *       5 how many to take at most   6 idle ms after which entries of consumers that are not ours are taken
 *       7 '1' when entries line up   8 the number of the consumer's life if its last one ended
 * Returns the group's last delivered id, its first pending id ('' for none), the entries taken, and the number of the
 *   consumer's life.
 *
 * One script, because a consumer may come back between the look and the claim. Consumers of ours that are dead and hold
 * nothing are removed. The signs it reads share the slot of its KEYS.
 */
export const sweep = new Script<[delivered: string, pending: string, taken: WireEntry[], life: string]>(
  3,
  `${COMMON}
local life = redis.call('GET', KEYS[3]) or ARGV[8]
redis.call('SET', KEYS[3], life, 'PX', ARGV[3])
local limit, idle, isOrdered = tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1'
local summary = redis.call('XPENDING', stream, group)
local taken = {}
local function claim(rows, unlined)
  for _, row in ipairs(rows) do
    if not isOrdered then unlined = 0 end
    local entry = take(row[1], unlined == 1 and me .. UNLINED or me, row[4], unlined)
    if entry then table.insert(taken, entry) end
  end
  limit = limit - #rows
end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local name, pending = info[2], info[4]
  local owner, unlined = name, 0
  if string.sub(name, -1) == UNLINED then owner, unlined = string.sub(name, 1, -2), 1 end
  if owner == me or (isOrdered and name == IN_LINE) then
    -- Neither is anybody's to take.
  elseif name == IN_LINE then
    if pending > 0 and limit > 0 then claim(pendingOf(name, '-', '+', limit), 0) end
  elseif #owner == 32 and string.find(owner, '^%x+$') then
    if redis.call('EXISTS', ARGV[4] .. owner) == 0 then
      if pending == 0 then
        redis.call('XGROUP', 'DELCONSUMER', stream, group, name)
      elseif limit > 0 then
        claim(pendingOf(name, '-', '+', limit), unlined)
      end
    end
  elseif pending > 0 and limit > 0 then
    claim(redis.call('XPENDING', stream, group, 'IDLE', idle, '-', '+', limit, name), 1)
  end
end
local position = ''
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  if info[2] == group then position = info[8] end
end
return { position, summary[2] or '', taken, life }
`,
);

/**
 * Set lines going again that nobody moves on: their first entry was acknowledged by a stranger, or the order was lost.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 how many to take at most
 * Returns the entries that are the consumer's now.
 */
export const mendLines = new Script<WireEntry[]>(
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

/**
 * Take again what is the consumer's but got lost on its way: the answer that brought it never came.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   then the ids
 * Returns the entries.
 *
 * One script, because an entry that was claimed away meanwhile must stay where it is.
 */
export const adopt = new Script<WireEntry[]>(
  2,
  `${COMMON}
local taken = {}
for at = 3, #ARGV do
  local id = ARGV[at]
  local owner, deliveries = holder(id)
  local unlined = owner == me .. UNLINED
  if owner == me or unlined then
    local entry = take(id, owner, deliveries, unlined and 1 or 0)
    if entry then table.insert(taken, entry) end
  end
end
return taken
`,
);

/**
 * Leave the group: what the consumer has not begun counts as never delivered, its sign of life goes, and if it holds
 * nothing its name goes too.
 *
 * KEYS  1 stream   2 order   3 the consumer's sign of life
 * ARGV  1 group   2 consumer   then the ids that were not begun
 * Returns how many entries it leaves to others.
 *
 * One script, because a consumer that still holds entries must not be removed: they would be lost.
 */
export const leave = new Script<number>(
  3,
  `${COMMON}
redis.call('DEL', KEYS[3])
for at = 3, #ARGV do
  local owner = holder(ARGV[at])
  if owner == me or owner == me .. UNLINED then
    redis.call('XCLAIM', stream, group, owner, 0, ARGV[at], 'RETRYCOUNT', 0, 'JUSTID')
  end
end
local left = 0
for _, name in ipairs({ me, me .. UNLINED }) do
  local pending = #pendingOf(name, '-', '+', 100000)
  left = left + pending
  if pending == 0 then redis.call('XGROUP', 'DELCONSUMER', stream, group, name) end
end
return left
`,
);
