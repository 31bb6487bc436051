import { NOW } from '../../redis/lua-clock.js';
import { Script } from '../../redis/script.js';
import { BATCH_SIZE, COMMON, type WireEntry } from './group-lua.js';

/**
 * Renew the consumer's heartbeat, claim what consumers left that are not, and count what the group lost to a trim.
 *
 * KEYS  1 stream   2 order   3 the consumer's heartbeat key   4 watch (`<since> <last>`: the period over which somebody
 *         has looked for the dead without a pause)   5 lost (how many entries the group lost to trims)
 * ARGV  1 group   2 consumer   3 life of the heartbeat key in ms   4 that key up to the consumer
 *       5 how many to take at most   6 idle ms after which entries of consumers that are not ours are taken
 *       7 '1' when entries are ordered   8 the consumer's next incarnation, if its last one ended
 *       9 '1' when silence may count as death   10 where the look at foreign consumers continues: '-', or the last id
 * Returns the group's last delivered id, its first pending id ('' for none), the entries taken, the consumer's
 *   incarnation, how many entries the group lost to a trim since the last time, and the next 10.
 *
 * One script, because a consumer may come back between the look and the claim. After a pause in which nobody looked (Redis
 * stood still, or was away, or all consumers were) every consumer first has its whole time to show itself again. One that
 * said that it leaves is not waited for. Consumers of ours that are dead and hold nothing are removed. The heartbeat keys it reads
 * share the slot of its KEYS.
 */
export const heartbeatAndClaim = new Script<HeartbeatReply>(
  'streams.heartbeatAndClaim',
  5,
  `${COMMON}${NOW}
local ttl, limit, idle, isOrdered = tonumber(ARGV[3]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
mayAcknowledge(stream, group)
local incarnation = redis.call('GET', KEYS[3])
if not incarnation or incarnation == LEFT then incarnation = ARGV[8] end
redis.call('SET', KEYS[3], incarnation, 'PX', ttl)
local since, last = string.match(redis.call('GET', KEYS[4]) or '', '^(%d+) (%d+)$')
if not last or now - last > ttl * 2 / 3 or now < tonumber(last) then since = now end
redis.call('SET', KEYS[4], string.format('%.0f %.0f', since, now), 'PX', ttl * 100)
local watchedMs = ARGV[9] == '1' and now - since or 0

local summary = redis.call('XPENDING', stream, group)
local taken, removals, nextFrom = {}, 100, nil
if limit > 0 then mayClaim(stream, group, me) end
-- After the signs of life, which need none of it: without them others would take what is handled here.
need('XINFO', 'CONSUMERS', stream, group)
need('XINFO', 'GROUPS', stream)
need('XINFO', 'STREAM', stream)
need('XGROUP', 'DELCONSUMER', stream, group, me)
need('XGROUP', 'SETID', stream, group, '0')
need('XLEN', stream)
need('XRANGE', stream, '-', '+')
need('INCRBY', KEYS[5], 0)
need('PTTL', KEYS[5])
need('PEXPIRE', KEYS[5], 1)
local function claim(rows, unordered)
  for _, row in ipairs(rows) do
    if not isOrdered then unordered = 0 end
    local entry = take(row[1], unordered == 1 and me .. UNORDERED or me, row[4], unordered)
    if entry then table.insert(taken, entry) end
  end
  limit = limit - #rows
end
local function isGone(name, owner)
  if name == NOBODY then return true end
  local heartbeat = redis.call('GET', ARGV[4] .. owner)
  return heartbeat == LEFT or (not heartbeat and watchedMs >= ttl)
end
-- Page by page: one of them may hold a million entries that are not idle.
local function claimIdle(name)
  local rows = pendingOf(name, ARGV[10] == '-' and '-' or '(' .. ARGV[10], '+', ${BATCH_SIZE})
  local found = {}
  for _, row in ipairs(rows) do
    if row[3] >= idle and #found < limit then table.insert(found, row) end
  end
  claim(found, 1)
  local tail = #rows == ${BATCH_SIZE} and rows[#rows][1]
  if tail and (not nextFrom or padded(tail) < padded(nextFrom)) then nextFrom = tail end
end
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local name, pending = info[2], info[4]
  local owner, unordered = name, 0
  if string.sub(name, -1) == UNORDERED then owner, unordered = string.sub(name, 1, -2), 1 end
  if owner == me or (isOrdered and name == QUEUED) then
    -- Neither is anybody's to take.
  elseif name == QUEUED then
    if pending > 0 and limit > 0 then claim(pendingOf(name, '-', '+', limit), 0) end
  elseif #owner == 32 and string.find(owner, '^%x+$') then
    if pending == 0 and removals > 0 and isGone(name, owner) then
      removals = removals - 1
      redis.call('XGROUP', 'DELCONSUMER', stream, group, name)
    elseif pending > 0 and limit > 0 and isGone(name, owner) then
      claim(pendingOf(name, '-', '+', limit), unordered)
    end
  elseif pending > 0 and limit > 0 and watchedMs >= idle then
    claimIdle(name)
  end
end

-- More is unread than there is: the rest was trimmed away. The group's counter is set right, so that it counts once. Where
-- that cannot be, as before Redis 7.0, nothing is known of it. From Redis 8 on the lag is no more than what is there: only the
-- counters tell what was trimmed away.
local function lostToTrim(position, read, shown)
  local length = redis.call('XLEN', stream)
  if not read or not shown or shown < length then return 0 end
  local about, info = {}, redis.call('XINFO', 'STREAM', stream)
  for at = 1, #info, 2 do about[info[at]] = info[at + 1] end
  local lag = about['entries-added'] - read
  if lag <= length then return 0 end
  local unread = length - #redis.call('XRANGE', stream, '-', position, 'COUNT', 100)
  local reply = redis.pcall('XGROUP', 'SETID', stream, group, position, 'ENTRIESREAD', about['entries-added'] - unread)
  if type(reply) == 'table' and reply.err then return 0 end
  redis.call('INCRBY', KEYS[5], lag - unread)
  keepAWhile(KEYS[5])
  return lag - unread
end
local position, lost = '', 0
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  if info[2] == group then
    position = info[8]
    lost = lostToTrim(position, info[10], info[12])
  end
end
return { position, summary[2] or '', taken, incarnation, lost, nextFrom or '-' }
`,
);

/** See {@link heartbeatAndClaim}. */
export type HeartbeatReply = [
  delivered: string,
  pending: string,
  taken: WireEntry[],
  incarnation: string,
  lost: number,
  nextFrom: string,
];
