import { ONLY_FOR } from '../../protocol/stream-entry.js';
import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { LEFT, REMOVED, RIGHTS } from './group-lua.js';

/**
 * Give dead letters back to their group, as if they had never been delivered.
 *
 * KEYS  1 stream   2 dead letters
 * ARGV  1 group   2 a consumer that is no instance   3 the heartbeat key of a consumer up to its name
 *       then the dead letters' ids
 * Returns how many were given back; the error NOGROUP when the group does not exist.
 *
 * The entry itself is given when the stream still has it; else it is stored again, as a new entry for this group alone.
 * What is in flight stays where it is, and its letter too: at an instance that is alive, at a foreign consumer, or in line.
 *
 * One script, because a crash in between would lose an event or deliver it twice. The heartbeat keys it reads share the slot of
 * its KEYS.
 */
export const redrive = new Script<number>(
  'streams.redrive',
  2,
  `${RIGHTS}
local isThere = false
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if info[2] == ARGV[1] then isThere = true end
  end
end
if not isThere then
  return redis.error_reply('NOGROUP No such key ' .. KEYS[1] .. ' or consumer group ' .. ARGV[1])
end
-- First, so that a Redis that is full lets a letter go.
mayDelete(KEYS[2])
mayAdd(KEYS[1])
mayClaim(KEYS[1], ARGV[1], ARGV[2])
redis.call('XRANGE', KEYS[1], '0-0', '0-0')
local function isInFlight(id)
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if not row or row[2] == ARGV[2] then return false end
  local owner = string.gsub(row[2], '~$', '')
  if #owner ~= 32 or not string.find(owner, '^%x+$') then return true end
  local heartbeat = redis.call('GET', ARGV[3] .. owner)
  return heartbeat and heartbeat ~= '${LEFT}'
end
local letters, known = {}, {}
for at = 4, #ARGV do
  local letter = redis.call('XRANGE', KEYS[2], ARGV[at], ARGV[at])[1]
  local fields = letter and letter[2]
  if letter and not known[letter[1]] and #fields > 6 and fields[1] == 'hydra-id'
    and string.find(fields[2], '^%d+%-%d+$') and not isInFlight(fields[2]) then
    known[letter[1]] = true
    table.insert(letters, letter)
  end
end
for _, letter in ipairs(letters) do
  local fields = letter[2]
  local id = fields[2]
  if #redis.call('XRANGE', KEYS[1], id, id) == 0 then
    local copy = { unpack(fields, 7) }
    if copy[#copy - 1] ~= '${ONLY_FOR}' then
      table.insert(copy, '${ONLY_FOR}')
      table.insert(copy, ARGV[1])
    end
    redis.call('XADD', KEYS[1], '*', unpack(copy))
  else
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', 0, 'FORCE', 'JUSTID')
  end
  redis.call('XDEL', KEYS[2], letter[1])
end
return #letters
`,
);

/**
 * Move a group to another place in its stream, and wake the readers that wait for something new.
 *
 * KEYS  1 stream
 * ARGV  1 group   2 position, as XGROUP SETID takes it
 *
 * Only an entry that is added ends a read that blocks; so one is added that nobody ever sees. One script, because it must
 * be gone, and the stream's counters as they were, before anybody looks: without them Redis could not tell a lag any more.
 */
export const replay = new Script<null>(
  'streams.replay',
  1,
  `${RIGHTS}
local about, info = {}, redis.call('XINFO', 'STREAM', KEYS[1])
for at = 1, #info, 2 do about[info[at]] = info[at + 1] end
need('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])
mayDelete(KEYS[1])
-- A stream without a past has nothing to handle again, and XSETID cannot restore that.
if ARGV[2] == '$' or about['last-generated-id'] == '0-0' then
  redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])
  return
end
need('XSETID', KEYS[1], '0-0')
mayAdd(KEYS[1])
local wake = redis.call('XADD', KEYS[1], '*', 'hydra', 'wake')
redis.call('XDEL', KEYS[1], wake)
local counters = {}
if about['entries-added'] then
  local deleted = about['max-deleted-entry-id']
  -- XSETID takes 0-0 for none given.
  if deleted == '0-0' then deleted = '0-1' end
  counters = { 'ENTRIESADDED', about['entries-added'], 'MAXDELETEDID', deleted }
  -- From Redis 7.2 on, the last id is not set below that of the last deleted entry: so that one goes back first.
  redis.call('XSETID', KEYS[1], wake, unpack(counters))
end
redis.call('XSETID', KEYS[1], about['last-generated-id'], unpack(counters))
-- Last, because Redis 6.2 cannot be asked for the right to XSETID.
redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])
`,
);

/** Whether the group is there and read, its removal has begun, and the right to everything that removing it takes. */
const REMOVAL = `${NEED}
local isThere, isRead, isMarked, heartbeats = false, false, false, {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if info[2] == ARGV[1] then isThere = true end
  end
end
for _, info in ipairs(isThere and redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]) or {}) do
  if info[2] == '${REMOVED}' then isMarked = true end
  local key = ARGV[2] .. string.gsub(info[2], '~$', '')
  local heartbeat = redis.call('GET', key)
  if heartbeat and heartbeat ~= '${LEFT}' then isRead = true end
  if heartbeat then table.insert(heartbeats, key) end
end
need('XPENDING', KEYS[1], ARGV[1])
need('XACK', KEYS[1], ARGV[1], '0-0')
need('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], '${REMOVED}')
need('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], '${REMOVED}')
need('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
need('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
for _, key in ipairs(heartbeats) do need('UNLINK', key) end
`;

/**
 * Acknowledge some of what a group has pending, before it is deleted: Redis frees all that is left in one go.
 *
 * KEYS  1 stream   2 order   3 dead letters   4 watch   5 lost
 * ARGV  1 group   2 the heartbeat key of a consumer up to its name   3 how many at most
 * Returns how many there were; 0 too when few enough are left, or an instance reads the group.
 *
 * One script, because an instance may come in between. From its first step on the group is marked: an instance that comes
 * later makes it anew, because this one has lost entries.
 */
export const emptyGroup = new Script<number>(
  'streams.emptyGroup',
  5,
  `${REMOVAL}
if isRead or not isThere then return 0 end
if redis.call('XPENDING', KEYS[1], ARGV[1])[1] <= tonumber(ARGV[3]) then return 0 end
if not isMarked then redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], '${REMOVED}') end
local ids = {}
for at, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3])) do ids[at] = row[1] end
redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
return #ids
`,
);

/**
 * Delete a group with all that stands beside it: its dead letters, its order, its counters.
 *
 * KEYS  1 stream   2 order   3 dead letters   4 watch   5 lost
 * ARGV  1 group   2 the heartbeat key of a consumer up to its name   3 '1' when it was emptied before, in part at least
 * Returns 1, 0 when there was nothing of it, or -1 when an instance reads it, which would make it again; 1 too when an
 *   instance has removed it since it was emptied, and made it anew.
 *
 * One script, because an instance may come in between. The heartbeat keys it reads share the slot of its KEYS.
 */
export const removeGroup = new Script<number>(
  'streams.removeGroup',
  5,
  `${REMOVAL}
if isRead then
  if isMarked then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], '${REMOVED}') end
  return (ARGV[3] == '1' and not isMarked) and 1 or -1
end
-- The group before what stands beside it: Redis 6.2 cannot be asked for the right to destroy it.
local destroyed = isThere and redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) or 0
local removed = redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
for _, key in ipairs(heartbeats) do redis.call('UNLINK', key) end
return math.min(destroyed + removed, 1)
`,
);
