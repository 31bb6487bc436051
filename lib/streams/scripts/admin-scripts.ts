import { ONLY_FOR } from '../../protocol/stream-entry.js';
import { Script } from '../../redis/script.js';
import { LEFT, RIGHTS } from './group-lua.js';

/**
 * Give dead letters back to their group, as if they had never been delivered.
 *
 * KEYS  1 stream   2 dead letters
 * ARGV  1 group   2 a consumer that is no instance   then the dead letters' ids
 * Returns how many were given back; the error NOGROUP when the group does not exist.
 *
 * The entry itself is given when the stream still has it; else it is stored again, as a new entry for this group alone.
 * One script, because a crash in between would lose an event or deliver it twice.
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
local letters, known = {}, {}
for at = 3, #ARGV do
  local letter = redis.call('XRANGE', KEYS[2], ARGV[at], ARGV[at])[1]
  local fields = letter and letter[2]
  if letter and not known[letter[1]] and #fields > 6 and fields[1] == 'hydra-id'
    and string.find(fields[2], '^%d+%-%d+$') then
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
mayDelete(KEYS[1])
mayAdd(KEYS[1])
redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])
if ARGV[2] == '$' then return end
local about, info = {}, redis.call('XINFO', 'STREAM', KEYS[1])
for at = 1, #info, 2 do about[info[at]] = info[at + 1] end
-- A stream without a past has nothing to handle again, and XSETID cannot restore that.
if about['last-generated-id'] == '0-0' then return end
redis.call('XDEL', KEYS[1], redis.call('XADD', KEYS[1], '*', 'hydra', 'wake'))
local counters = {}
if about['entries-added'] then
  local deleted = about['max-deleted-entry-id']
  -- XSETID takes 0-0 for none given.
  if deleted == '0-0' then deleted = '0-1' end
  counters = { 'ENTRIESADDED', about['entries-added'], 'MAXDELETEDID', deleted }
end
redis.call('XSETID', KEYS[1], about['last-generated-id'], unpack(counters))
`,
);

const HEARTBEATS = `
local isThere, isRead, heartbeats = false, false, {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if info[2] == ARGV[1] then isThere = true end
  end
end
for _, info in ipairs(isThere and redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]) or {}) do
  local key = ARGV[2] .. string.gsub(info[2], '~$', '')
  local heartbeat = redis.call('GET', key)
  if heartbeat and heartbeat ~= '${LEFT}' then isRead = true end
  if heartbeat then table.insert(heartbeats, key) end
end
`;

/**
 * Acknowledge some of what a group has pending, before it is deleted: Redis frees all that is left in one go.
 *
 * KEYS  1 stream
 * ARGV  1 group   2 the heartbeat key of a consumer up to its name   3 how many at most
 * Returns how many there were; 0 too when an instance reads the group.
 *
 * One script, because an instance may come in between.
 */
export const emptyGroup = new Script<number>(
  'streams.emptyGroup',
  1,
  `${HEARTBEATS}
if isRead or not isThere then return 0 end
local ids = {}
for at, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3])) do ids[at] = row[1] end
if #ids > 0 then redis.call('XACK', KEYS[1], ARGV[1], unpack(ids)) end
return #ids
`,
);

/**
 * Delete a group with all that stands beside it: its dead letters, its order, its counters.
 *
 * KEYS  1 stream   2 order   3 dead letters   4 watch   5 lost
 * ARGV  1 group   2 the heartbeat key of a consumer up to its name
 * Returns 1, 0 when there was nothing of it, or -1 when an instance reads it, which would make it again.
 *
 * One script, because an instance may come in between. The heartbeat keys it reads share the slot of its KEYS.
 */
export const removeGroup = new Script<number>(
  'streams.removeGroup',
  5,
  `${HEARTBEATS}
if isRead then return -1 end
local removed = redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
for _, key in ipairs(heartbeats) do redis.call('UNLINK', key) end
if isThere then return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) end
return math.min(removed, 1)
`,
);
