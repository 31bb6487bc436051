import { NOW } from '../../redis/lua-clock.js';
import { Script } from '../../redis/script.js';
import { COMMON, REMOVED, type WireEntry } from './group-lua.js';

/**
 * Make the group, at a position; with the stream if that is not there.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 position ('$', '0', or an id: the last entry that counts as delivered)   3 '1' when the group was seen
 *       there, '0' when it is to begin there
 * Returns 1 when it was made, 0 when it was there. One whose removal has begun is removed first.
 *
 * One script, because the order of a group that was lost must be deleted before entries of the new one are ordered. A position
 * beyond the stream's end at which the group was seen belongs to a stream that was lost too: then everything in the new
 * one is to be delivered. A group that is to begin there begins at the end.
 */
export const ensureGroup = new Script<number>(
  'streams.ensureGroup',
  2,
  `${COMMON}
local position, isThere = ARGV[2], false
if redis.call('EXISTS', stream) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if info[2] == group then isThere = true end
  end
  if isThere then
    local isRemoved = false
    for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
      if info[2] == '${REMOVED}' then isRemoved = true end
    end
    if not isRemoved then return 0 end
  end
  if string.find(position, '-', 1, true) then
    local info = redis.call('XINFO', 'STREAM', stream)
    for at = 1, #info, 2 do
      if info[at] == 'last-generated-id' and padded(info[at + 1]) < padded(position) then
        position = ARGV[3] == '1' and '0' or '$'
      end
    end
  end
elseif position ~= '$' then
  position = '0'
end
need('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
need('XGROUP', 'DESTROY', stream, group)
redis.call('UNLINK', order)
if isThere then redis.call('XGROUP', 'DESTROY', stream, group) end
redis.call('XGROUP', 'CREATE', stream, group, position, 'MKSTREAM')
return 1
`,
);

/**
 * Keep what stands beside the group for as long as somebody reads it, and hold its dead letters to their limits.
 *
 * KEYS  1 stream   2 order   3 dead letters   4 lost
 * ARGV  1 group   2 consumer   3 life of 2 and 4 in ms   4 age of a dead letter in ms   5 how many dead letters are kept
 *       6 letters removed at most, about
 * Returns how many dead letters were removed for the sake of 5.
 *
 * One script, because the age counts by Redis's clock.
 */
export const tidy = new Script<number>(
  'streams.tidy',
  4,
  `${COMMON}${NOW}
mayAcknowledge(stream, group)
redis.call('PEXPIRE', order, ARGV[3])
redis.call('PEXPIRE', KEYS[4], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
-- Whole nodes, which costs little; then the rest, which is a part of one.
local function trim(how, limit)
  local removed = redis.call('XTRIM', KEYS[3], how, '~', limit, 'LIMIT', ARGV[6])
  if removed == 0 then removed = redis.call('XTRIM', KEYS[3], how, limit) end
  return removed
end
trim('MINID', string.format('%.0f', math.max(0, now - ARGV[4])) .. '-0')
return trim('MAXLEN', ARGV[5])
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
export const recoverUndelivered = new Script<WireEntry[]>(
  'streams.recoverUndelivered',
  2,
  `${COMMON}
local taken = {}
mayAcknowledge(stream, group)
for at = 3, #ARGV do
  local id = ARGV[at]
  local owner, deliveries = holder(id)
  local unordered = owner == me .. UNORDERED
  if owner == me or unordered then
    local entry = take(id, owner, deliveries, unordered and 1 or 0)
    if entry then table.insert(taken, entry) end
  end
end
return taken
`,
);

/**
 * Leave the group: what the consumer has not begun counts as never delivered, its heartbeat key says that it has left, and if it
 * holds
 * nothing its names go.
 *
 * KEYS  1 stream   2 order   3 the consumer's heartbeat key
 * ARGV  1 group   2 consumer   3 how long the key says so, in ms; 0 when more ids are to follow   then the ids that were
 *         not begun
 * Returns how many entries it leaves to others.
 *
 * One script, because a consumer that still holds entries must not be removed: they would be lost.
 */
export const leave = new Script<number>(
  'streams.leave',
  3,
  `${COMMON}
mayAcknowledge(stream, group)
for at = 4, #ARGV do
  local owner = holder(ARGV[at])
  if owner == me or owner == me .. UNORDERED then
    redis.call('XCLAIM', stream, group, owner, 0, ARGV[at], 'RETRYCOUNT', 0, 'JUSTID')
  end
end
if ARGV[3] == '0' then return 0 end
local left = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local name, pending = info[2], info[4]
  if name == me or name == me .. UNORDERED then
    left = left + pending
    if pending == 0 then redis.call('XGROUP', 'DELCONSUMER', stream, group, name) end
  end
end
if left == 0 then redis.call('UNLINK', KEYS[3]) else redis.call('SET', KEYS[3], LEFT, 'PX', ARGV[3]) end
return left
`,
);
