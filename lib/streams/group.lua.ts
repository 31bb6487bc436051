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
export const COMMON = `
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
export const NEXT = `
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
