import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { RANK_SUFFIX } from '../model/queue-keys.js';
import { MARK, MARK_MS } from './schedule-scripts.js';
import { KEEP_IDS, NAMES_OF, PATTERN_OF, TELL } from './script-parts.js';

/** Jobs that one script takes out, and bytes of them. */
const MAX_JOBS = 250;
const MAX_BYTES = 1_048_576;

/**
 * Take jobs out that wait or are delayed, those that would be taken first, with what is remembered of them, and free their ids.
 *
 * KEYS  1 the list or sorted set that they are in   2 state   3 watched   4 ids   5 progress   6 results   7 died   8 hints   9 latest
 *       10 finished   11 history
 * ARGV  1 how many at most   2 events channel
 * Returns the number taken out; fewer than asked for where there are no more, or they are large: none where it is empty.
 *
 * One script, because a worker may take them at the same time, and a producer their ids.
 */
export const drainSome = new Script<number>(
  'queue.drainSome',
  11,
  `${NEED}${TELL}${PATTERN_OF}${NAMES_OF}${KEEP_IDS}
need('TYPE', KEYS[1]) need('HDEL', KEYS[2], 'a') needTell(KEYS[3], KEYS[11], ARGV[2]) need('ZREM', KEYS[4], 'a') need('HDEL', KEYS[5], 'a')
need('HDEL', KEYS[6], 'a') need('ZREM', KEYS[7], 'a') need('HDEL', KEYS[8], 'a') need('HDEL', KEYS[9], 'a') need('ZREM', KEYS[10], 'a')
need('ZCOUNT', KEYS[4], 0, 1) need('ZRANGE', KEYS[4], 0, 0) need('PEXPIREAT', KEYS[4], 1)
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'list' then need('RPOP', KEYS[1]) elseif kind == 'zset' then need('ZPOPMIN', KEYS[1]) else return 0 end
local isWatched, events, count, bytes, ids = isHeard(KEYS[3], KEYS[11]), {}, 0, 0, {}
while count < math.min(tonumber(ARGV[1]), ${MAX_JOBS}) and bytes < ${MAX_BYTES} do
  local job
  if kind == 'list' then job = redis.call('RPOP', KEYS[1]) else job = redis.call('ZPOPMIN', KEYS[1])[1] end
  if not job then break end
  count, bytes = count + 1, bytes + #job
  redis.call('HDEL', KEYS[2], job)
  local names = namesOf(job)
  if names then
    if isWatched then events[#events + 1] = '{"type":"removed",' .. names .. '}' end
    local isRead, id = pcall(cjson.decode, string.match(names, '^"id":("[^"\\\\]*")') or '')
    if not isRead then
      local _, message = pcall(cjson.decode, job)
      id = message.mid
    end
    ids[#ids + 1] = id
  end
end
if #ids > 0 then
  redis.call('ZREM', KEYS[4], unpack(ids))
  redis.call('HDEL', KEYS[5], unpack(ids))
  redis.call('HDEL', KEYS[6], unpack(ids))
  redis.call('ZREM', KEYS[7], unpack(ids))
  redis.call('HDEL', KEYS[8], unpack(ids))
  redis.call('HDEL', KEYS[9], unpack(ids))
  redis.call('ZREM', KEYS[10], unpack(ids))
  endureIds(KEYS[4])
end
tellAll(KEYS[3], KEYS[11], ARGV[2], events)
return count
`,
);

/**
 * Remove a queue with all its jobs, dead letters, outcomes and repeating jobs. Workers that live stay known, and so do the last
 * fence and the mark of the repeating jobs.
 *
 * KEYS  1 owners   2 patterns   3 ranked   4 in progress   5 schedules   then all others that are removed
 * ARGV  1 key of a list set aside up to the pattern   2 after it   3 after it, of the list that goes first   4 key of leases up to
 *       the worker   5 key of an inbox up to the worker   6 '1' also where jobs run   7 wake channel
 * Returns the number of jobs that run; nothing is removed where there are some, unless it is to be.
 *
 * One script, because a worker may take a job at the same time. Redis frees what is removed beside its work. The lists set
 * aside, the leases and inboxes share the slot of its KEYS.
 */
export const obliterateAll = new Script<number>(
  'queue.obliterateAll',
  0,
  `${NEED}
need('UNLINK', KEYS[3]) need('UNLINK', KEYS[4]) need('ZRANGE', KEYS[1], 0, -1) need('ZRANGE', KEYS[2], 0, -1) need('ZRANGE', KEYS[3], 0, -1)
need('LLEN', KEYS[4]) need('HLEN', ARGV[4]) need('UNLINK', ARGV[4]) need('PUBLISH', ARGV[7], 'a')
need('HGET', KEYS[5], 'a') need('UNLINK', KEYS[5]) need('HSET', KEYS[5], 'a', 'b') need('PEXPIRE', KEYS[5], 1)
for i = 6, #KEYS do need('UNLINK', KEYS[i]) end
local running, owners = redis.call('LLEN', KEYS[4]), redis.call('ZRANGE', KEYS[1], 0, -1)
for _, owner in ipairs(owners) do running = running + redis.call('HLEN', ARGV[4] .. owner) end
if running > 0 and ARGV[6] ~= '1' then return running end
for _, owner in ipairs(owners) do redis.call('UNLINK', ARGV[4] .. owner, ARGV[5] .. owner) end
for _, pattern in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  redis.call('UNLINK', ARGV[1] .. pattern .. ARGV[2], ARGV[1] .. pattern .. ARGV[3])
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local rank, pattern = string.match(member, '^(-?%d+):(.*)$')
  if rank then redis.call('UNLINK', ARGV[1] .. pattern .. '${RANK_SUFFIX}' .. rank) end
end
redis.call('UNLINK', KEYS[3])
redis.call('UNLINK', KEYS[4])
for i = 6, #KEYS do redis.call('UNLINK', KEYS[i]) end
local mark = redis.call('HGET', KEYS[5], ${MARK})
redis.call('UNLINK', KEYS[5])
if mark then
  redis.call('HSET', KEYS[5], ${MARK}, mark)
  redis.call('PEXPIRE', KEYS[5], ${MARK_MS})
end
redis.call('PUBLISH', ARGV[7], 'obliterated')
return running
`,
);
