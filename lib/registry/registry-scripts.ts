import { NOW } from '../redis/lua-clock.js';
import { NEED } from '../redis/lua-need.js';
import { Script } from '../redis/script.js';

/**
 * Added to scripts that change the index. An epoch that was lost with its data starts at the clock, never at a value seen
 * before; so does one that somebody made into something that cannot be counted on, or not exactly. `needAnnounce(epoch, channel)`
 * asks for the rights.
 */
const ANNOUNCE = `${NOW}${NEED}
local function needAnnounce(epochKey, channel)
  need('INCR', epochKey) need('SET', epochKey, 1) need('PUBLISH', channel, 'a')
end
local function announce(epochKey, channel, kind, payload)
  local epoch = redis.pcall('INCR', epochKey)
  if type(epoch) ~= 'number' or epoch <= 1 or epoch >= 2 ^ 53 then
    epoch = now
    redis.call('SET', epochKey, epoch)
  end
  redis.call('PUBLISH', channel, string.format('%.0f', epoch) .. ' ' .. kind .. ' ' .. payload)
end
`;

/**
 * Added to scripts that look at several services: `unlessOdd(problem)` passes over that a key holds something else than it
 * should. Whatever else it was refused for ends the script.
 */
const ODD = `
local function unlessOdd(problem)
  local text = type(problem) == 'table' and problem.err or tostring(problem)
  if not string.find(text, 'WRONGTYPE', 1, true) then error(problem, 0) end
end
`;

/** Added to scripts that read an epoch: '' where there is none, or something else than text stands in its place. */
const EPOCH = `${ODD}
local function epochOf(key)
  local epoch = redis.pcall('GET', key)
  if type(epoch) == 'string' then return epoch end
  if type(epoch) == 'table' then unlessOdd(epoch) end
  return ''
end
`;

/**
 * Added to scripts that keep an instance known. Redis without memory refuses the first write of a script that may need some,
 * and none after one that cannot: this one changes nothing.
 *
 * @param hash the key of a hash
 */
const allowFull = (hash: string) => `redis.call('HDEL', ${hash}, '')
`;

/** What {@link beat} returns. */
export type Beat = readonly [
  isNew: 0 | 1,
  receivers: number,
  redisTime?: string,
  epoch?: string,
  isOverdue?: 0 | 1,
];

/**
 * Write a service's record.
 *
 * KEYS  1 the record
 * ARGV  1 its text
 *
 * One script, because a full Redis takes a write only after one that frees memory.
 */
export const writeService = new Script<number>(
  'registry.writeService',
  1,
  `${NEED}
need('DEL', KEYS[1]) need('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return 1
`,
);

/**
 * Enter a service in the directory of all, and announce it there.
 *
 * KEYS  1 the directory
 * ARGV  1 service   2 announcements channel   3 announcement
 * Returns 1 when it was not there, else 0.
 *
 * One script, because a full Redis takes a write only after one that cannot need memory.
 */
export const enterDirectory = new Script<number>(
  'registry.enterDirectory',
  1,
  `${NEED}
need('SREM', KEYS[1], '') need('SADD', KEYS[1], ARGV[1]) need('PUBLISH', ARGV[2], 'a')
redis.call('SREM', KEYS[1], '')
local added = redis.call('SADD', KEYS[1], ARGV[1])
if added == 1 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return added
`,
);

/**
 * Renew an instance's presence, and enter it in the service's index if it is not there.
 *
 * KEYS  1 presence   2 beats (zset: id → when to look again)   3 instances (hash: id → record)   4 epoch
 *       5 nodes, to write the record there too; left out on a Cluster, where it has another slot, and for a Hydra 1.x
 *         instance, which writes it itself
 * ARGV  1 id   2 life of the presence in ms, 0 to leave it alone   3 record   4 announcements channel
 *       5 'beat' | 'change' (announce the record even if the instance is known)
 *       6 the instance's own channel, to publish on it   7 what is published there; both left out where nothing is
 * Returns whether the instance was not in the index (1 or 0), and how many received what was published, -1 where nothing was.
 *   Where the user may look, also the instant of this beat (Redis clock,
 *   ms), the epoch, as text ('' when there is none), and whether the beat of another instance is overdue (1 or 0): who renews
 *   itself has so looked at its own service.
 *
 * One script, because an instance in the index without a beat would never be found dead.
 */
export const beat = new Script<Beat>(
  'registry.beat',
  4,
  `${ANNOUNCE}
local ttl, known = tonumber(ARGV[2]), redis.call('HEXISTS', KEYS[3], ARGV[1])
local isNews = known == 0 or ARGV[5] == 'change'
local function mayLook()
  local check = redis.acl_check_cmd
  return not check or check('ZRANGEBYSCORE', KEYS[2], '-inf', now) and check('GET', KEYS[4])
end
local function look()
  if not mayLook() then return end
  local overdue = redis.pcall('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1)
  local epoch = redis.pcall('GET', KEYS[4])
  if overdue.err or type(epoch) == 'table' then return end
  return string.format('%.0f', now), epoch or '', #overdue
end
local function echo()
  local channel, check = ARGV[6], redis.acl_check_cmd
  if not channel or check and not check('PUBLISH', channel, 'a') then return -1 end
  local receivers = redis.pcall('PUBLISH', channel, ARGV[7])
  return type(receivers) == 'number' and receivers or -1
end
need('HDEL', KEYS[3], '') need('SET', KEYS[1], 'a') need('PTTL', KEYS[1]) need('ZADD', KEYS[2], 1, 'a')
if KEYS[5] then need('HSET', KEYS[5], 'a', 'b') end
if isNews then
  need('HSET', KEYS[3], 'a', 'b')
  needAnnounce(KEYS[4], ARGV[4])
end
${allowFull('KEYS[3]')}if ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ttl)
else
  ttl = redis.call('PTTL', KEYS[1])
  if ttl < 0 then return { 0, -1 } end
end
redis.call('ZADD', KEYS[2], now + ttl, ARGV[1])
if KEYS[5] then redis.call('HSET', KEYS[5], ARGV[1], ARGV[3]) end
if isNews then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
  announce(KEYS[4], ARGV[4], known == 0 and 'join' or 'change', ARGV[3])
end
return { 1 - known, echo(), look() }
`,
);

/**
 * Take an instance out of the index and end its presence.
 *
 * KEYS  1 presence   2 beats   3 instances   4 epoch
 * ARGV  1 id   2 announcements channel   3 'absent' to do so only if it has no presence any more, and announce it
 *       as lost; left out by itself
 * Returns 1 when it was in the index and left it, else 0.
 *
 * One script, so that its leaving is announced once, whoever says it first, and because an instance that was only late may
 * be back by then.
 */
export const leave = new Script<number>(
  'registry.leave',
  4,
  `${ANNOUNCE}
need('DEL', KEYS[1]) need('ZREM', KEYS[2], 'a') need('HDEL', KEYS[3], 'a')
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then needAnnounce(KEYS[4], ARGV[2]) end
if ARGV[3] == 'absent' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local known = redis.call('HDEL', KEYS[3], ARGV[1])
if known == 1 then announce(KEYS[4], ARGV[2], ARGV[3] == 'absent' and 'lost' or 'leave', ARGV[1]) end
return known
`,
);

/**
 * Look at the instances whose beat is overdue, in any number of services, and take those without presence out of the index.
 *
 * KEYS  4 for each service: beats   instances   epoch   reprieve (string with a life: some were spared lately)
 * ARGV  4 for each service: announcements channel   presence key up to the id   presence key after the id
 *       instance channel up to the id
 *       last: the latest instant (Redis clock, ms) at which this look was to be expected; 0, or left out, when nothing was
 * Returns the instant of this look (Redis clock, ms), then each service's epoch, as text; '' when there is none. A service
 * whose keys hold something else is passed over. A right to write that is missing for one of the services with an overdue
 * instance ends it before anything is written; it is not asked for where nobody is overdue, which is nearly always.
 *
 * A look that comes late waited for a Redis that stood still, and so did the heartbeats, which may be behind it: all are
 * spared for as long as a heartbeat takes.
 *
 * When more than half of a service seems dead at once, Redis itself may have stood still: those that are still connected
 * (subscribed to their channel) are spared, once, for as long as a heartbeat takes.
 *
 * One script, because an instance may come back between the look and the removal. Its cost follows the number of overdue
 * instances, not of all. The presence keys it reads share the slot of its KEYS.
 */
export const sweep = new Script<string[]>(
  'registry.sweep',
  4,
  `${ANNOUNCE}${EPOCH}
local REPRIEVE_MS = 1500
local expected = tonumber(ARGV[#KEYS + 1]) or 0
local isLate = expected > 0 and now > expected
local answer = { string.format('%.0f', now) }
local function needAll(first)
  local beats, instances, epoch, reprieve = KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3]
  need('ZADD', beats, 1, 'a') need('ZREM', beats, 'a')
  need('HLEN', instances) need('HDEL', instances, 'a')
  need('PTTL', ARGV[first + 1] .. 'a' .. ARGV[first + 2]) need('SET', reprieve, 1)
  need('PUBSUB', 'NUMSUB', ARGV[first + 3])
  needAnnounce(epoch, ARGV[first])
end
local function overdueOf(beats)
  local found = redis.pcall('ZRANGEBYSCORE', beats, '-inf', now, 'LIMIT', 0, 1000)
  if not found.err then return found end
  unlessOdd(found)
  return {}
end
local function look(first, overdue)
  local beats, instances, epoch, reprieve = KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3]
  local dead = {}
  ${allowFull('instances').trim()}
  for _, id in ipairs(overdue) do
    local ttl = redis.call('PTTL', ARGV[first + 1] .. id .. ARGV[first + 2])
    if ttl > 0 then redis.call('ZADD', beats, now + ttl, id) else table.insert(dead, id) end
  end
  local spares = #dead * 2 > redis.call('HLEN', instances) and redis.call('SET', reprieve, 1, 'PX', 5000, 'NX')
  for _, id in ipairs(dead) do
    if isLate or spares and redis.call('PUBSUB', 'NUMSUB', ARGV[first + 3] .. id)[2] > 0 then
      redis.call('ZADD', beats, now + REPRIEVE_MS, id)
    else
      redis.call('ZREM', beats, id)
      if redis.call('HDEL', instances, id) == 1 then announce(epoch, ARGV[first], 'lost', id) end
    end
  end
end
local overdue = {}
for first = 1, #KEYS, 4 do
  need('ZRANGEBYSCORE', KEYS[first], '-inf', now) need('GET', KEYS[first + 2])
  overdue[first] = overdueOf(KEYS[first])
  if #overdue[first] > 0 then needAll(first) end
end
for first = 1, #KEYS, 4 do
  if #overdue[first] > 0 then
    local isSeen, problem = pcall(look, first, overdue[first])
    if not isSeen then unlessOdd(problem) end
  end
  table.insert(answer, epochOf(KEYS[first + 2]))
end
return answer
`,
);

/**
 * Look at the instances whose beat is overdue, in any number of services, and write nothing: for those who may not take
 * others out of the index.
 *
 * KEYS  2 for each service: beats   epoch
 * ARGV  3 for each service: presence key up to the id   presence key after the id   instance channel up to the id
 * Returns the instant of this look (Redis clock, ms), then for each service its epoch ('' when there is none), and of each
 *   instance without presence its id and whether it still listens, '1' or '0', or '' where that may not be asked. A service
 *   whose keys hold something else has no instance without presence.
 *
 * One script, because an instance may come back between the looks. The presence keys it reads share the slot of its KEYS.
 */
export const look = new Script<[redisTime: string, ...found: string[][]]>(
  'registry.look',
  2,
  `${NOW}${EPOCH}
local answer = { string.format('%.0f', now) }
local function listens(channel)
  -- Who is only asked is noted nowhere.
  if redis.acl_check_cmd and not redis.acl_check_cmd('PUBSUB', 'NUMSUB', channel) then return '' end
  local counted = redis.pcall('PUBSUB', 'NUMSUB', channel)
  if counted.err then return '' end
  return counted[2] > 0 and '1' or '0'
end
local function lookAt(beats, place, found)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', beats, '-inf', now, 'LIMIT', 0, 1000)) do
    if redis.call('EXISTS', ARGV[place] .. id .. ARGV[place + 1]) == 0 then
      table.insert(found, id)
      table.insert(found, listens(ARGV[place + 2] .. id))
    end
  end
end
for first = 1, #KEYS, 2 do
  local found = { epochOf(KEYS[first + 1]) }
  local isSeen, problem = pcall(lookAt, KEYS[first], (first - 1) / 2 * 3 + 1, found)
  if not isSeen then unlessOdd(problem) end
  table.insert(answer, found)
end
return answer
`,
  'reads',
);

/**
 * Delete an entry of the nodes hash, unless its instance is present.
 *
 * KEYS  1 presence   2 nodes
 * ARGV  1 id
 * Returns 1 when it was deleted, else 0.
 *
 * One script, because an instance that wakes up in between would be seen by a Hydra 1.x peer without an entry, and the
 * peer would crash.
 */
export const prune = new Script<number>(
  'registry.prune',
  2,
  `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('HDEL', KEYS[2], ARGV[1])
`,
);

/**
 * Read the index with the epoch it belongs to.
 *
 * KEYS  1 instances   2 epoch
 * Returns the epoch as text ('' when there is none), then the records.
 *
 * One script, because a change between the two reads would be missed.
 */
export const snapshot = new Script<string[]>(
  'registry.snapshot',
  2,
  `${EPOCH}
local records = redis.call('HVALS', KEYS[1])
table.insert(records, 1, epochOf(KEYS[2]))
return records
`,
  'reads',
);

/**
 * Replace the routes that this library wrote for a service.
 *
 * KEYS  1 routes (set)   2 those of them that this library wrote (set)
 * ARGV  1 channel of hydra-router   2 message that tells it   3… routes
 *
 * One script, because readers must never see the set without them.
 */
export const replaceRoutes = new Script<null>(
  'registry.replaceRoutes',
  2,
  `${NEED}
need('SMEMBERS', KEYS[2]) need('PUBLISH', ARGV[1], 'a')
for i = 1, 2 do need('SADD', KEYS[i], 'a') need('SREM', KEYS[i], 'a') end
local wanted = {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local before = redis.call('SMEMBERS', KEYS[2])
for i = 3, #ARGV do
  redis.call('SADD', KEYS[1], ARGV[i])
  redis.call('SADD', KEYS[2], ARGV[i])
end
for _, route in ipairs(before) do
  if not wanted[route] then
    redis.call('SREM', KEYS[1], route)
    redis.call('SREM', KEYS[2], route)
  end
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return nil
`,
);

/**
 * Put back those routes of a service that this library wrote and somebody deleted.
 *
 * KEYS  1 routes (set)   2 those of them that this library wrote (set)
 * ARGV  1 channel of hydra-router   2 message that tells it
 * Returns how many were missing.
 *
 * One script, because the routes of a newer version may be written in between.
 */
export const putRoutesBack = new Script<number>(
  'registry.putRoutesBack',
  2,
  `${NEED}
need('SADD', KEYS[1], 'a') need('PUBLISH', ARGV[1], 'a')
local missing = redis.call('SDIFF', KEYS[2], KEYS[1])
for _, route in ipairs(missing) do redis.call('SADD', KEYS[1], route) end
if #missing > 0 then redis.call('PUBLISH', ARGV[1], ARGV[2]) end
return #missing
`,
);
