import { Script } from '../redis/script.js';
import { COMMON, type WireEntry } from './group.lua.js';

/**
 * Make the group, at a position; with the stream if that is not there.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 position ('$', '0', or an id: the last entry that counts as delivered)   3 '1' when the group was seen
 *       there, '0' when it is to begin there
 * Returns 1 when it was made, 0 when it was there.
 *
 * One script, because the order of a group that was lost must go before anybody lines up for the new one. A position
 * beyond the stream's end at which the group was seen belongs to a stream that was lost too: then everything in the new
 * one is to be delivered. A group that is to begin there begins at the end.
 */
export const ensureGroup = new Script<number>(
  'streams.ensureGroup',
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
      if info[at] == 'last-generated-id' and padded(info[at + 1]) < padded(position) then
        position = ARGV[3] == '1' and '0' or '$'
      end
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
  'streams.sweep',
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
 * Take again what is the consumer's but got lost on its way: the answer that brought it never came.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   then the ids
 * Returns the entries.
 *
 * One script, because an entry that was claimed away meanwhile must stay where it is.
 */
export const adopt = new Script<WireEntry[]>(
  'streams.adopt',
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
  'streams.leave',
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
