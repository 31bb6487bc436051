import { NEED } from '../../redis/lua-need.js';

/** An entry as scripts give it: id, deliveries so far, fields, and 1 when its place among those with its key is not known yet. */
export type WireEntry = readonly [id: string, deliveries: number, fields: string[], unordered: 0 | 1];

/** The consumer that holds entries behind others: an earlier one with the same key is still being handled. */
export const QUEUED = 'in-line';

/** Ending of the consumer name under which an instance holds what it has read and whose place is not known yet. */
export const UNORDERED = '~';

/** A consumer that marks its group: the removal of the group has begun, and whoever finds it ends it. */
export const REMOVED = 'removed';

/** Redriven entries belong to nobody until an instance claims them, which is at once: no such instance is alive. */
export const NOBODY = '0'.repeat(32) + UNORDERED;

/** The heartbeat key of an instance that has left holds this: what the instance has still may be claimed at once. */
export const LEFT = 'left';

/** How many entries one script looks at, or gives, at most: as many as keep Redis from others for a few milliseconds. */
export const BATCH_SIZE = 500;

/**
 * How long what stands beside a group is kept when nobody reads the group any more, in milliseconds: longer than a service is
 * ever away.
 */
export const GROUP_KEYS_TTL_MS = 30 * 86_400_000;

/**
 * Redis does not take back what a script did before an error, so a right that is missing must show before the first write.
 * Each of these is refused as the real command would be, and writes nothing. A script that has written (or tried to) may
 * also continue where Redis is full; so what frees memory, and heartbeats, begin with one that Redis always takes. `need`
 * asks for what has no such form; a read is simply done.
 */
export const RIGHTS = `${NEED}
local function mayAcknowledge(stream, group) redis.call('XACK', stream, group, '0-0') end
local function mayClaim(stream, group, consumer)
  redis.call('XPENDING', stream, group, '0-0', '0-0', 1)
  redis.call('XCLAIM', stream, group, consumer, 0, '0-0', 'JUSTID')
end
local function mayOrder(order)
  need('PTTL', order)
  need('PEXPIRE', order, 1)
  redis.call('ZRANGEBYLEX', order, '-', '+', 'LIMIT', 0, 0)
  redis.call('ZREM', order, '')
  redis.call('ZADD', order, 'XX', 0, '')
end
local function mayDelete(stream) redis.call('XDEL', stream, '0-0') end
local function mayAdd(stream)
  local refusal = redis.pcall('XADD', stream, '0-0', 'a', 'b').err
  if not string.find(refusal, 'greater than 0-0', 1, true) then redis.call('XADD', stream, '0-0', 'a', 'b') end
end
`;

/**
 * Added to every script. Ids are compared as texts of a fixed width. The order is a sorted set with scores 0; the entries
 * of one key are those members that begin with it.
 */
export const COMMON = `${RIGHTS}
local QUEUED, UNORDERED, NOBODY, LEFT = '${QUEUED}', '${UNORDERED}', '${NOBODY}', '${LEFT}'
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
local function take(id, consumer, deliveries, unordered)
  local entry = redis.call('XCLAIM', stream, group, consumer, 0, id, 'RETRYCOUNT', deliveries)[1]
  if entry then return { id, deliveries, entry[2], unordered } end
  redis.call('XACK', stream, group, id)
end
-- Whoever reads the group renews it; see tidy.
local function keepAWhile(key)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ${GROUP_KEYS_TTL_MS}) end
end
local function firstOf(key)
  return redis.call('ZRANGEBYLEX', order, '[' .. key .. '\\0', '(' .. key .. '\\1', 'LIMIT', 0, 1)[1]
end
`;

/** Added to scripts that end an entry: which one with its key is next. */
export const NEXT = `
-- Members without an entry are removed, so many in one script; the rest when the order is repaired.
local removals = ${BATCH_SIZE}
local function nextOf(key)
  while removals > 0 do
    local first = firstOf(key)
    if not first then return end
    local id = unpadded(string.sub(first, #key + 2))
    local owner, deliveries = holder(id)
    -- An instance has it already.
    if owner and owner ~= QUEUED then return end
    local entry = owner and take(id, me, deliveries, 0)
    if entry then return entry end
    -- Acknowledged by another program, or deleted from the stream.
    redis.call('ZREM', order, first)
    removals = removals - 1
  end
end
local function releaseNext(id, key, successors)
  redis.call('ZREM', order, key .. '\\0' .. padded(id))
  local entry = nextOf(key)
  if entry then table.insert(successors, entry) end
end
`;
