import { NOW } from '../../redis/lua-clock.js';
import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { KEEP, KEEP_IDS, TAKEN_IDS, TAKE_OUT, TELL } from './script-parts.js';

/**
 * Cancel a job where it is: take it out of the list or the sorted set that it waits in, or end the lease of the worker that
 * runs it, and tell that worker. It ends with an outcome of its own; its id is free after the time for which ids stay taken.
 *
 * KEYS  1 the list, the sorted set, or the leases of the worker   2 state   3 watched   4 ids   5 progress   6 results   7 died
 *       8 finished   9 hints   10 latest   11 history
 * ARGV  1 its text   2 events channel   3 its event (JSON, without the brace at its end)   4 its index in the list when it was
 *       seen   5 the length of that then   6 its id   7 ms for which its outcome is kept   8 channel of the worker that has it
 *       9 what that is told, behind its lease
 * Returns 1; 0 when it was not there any more; or -1 where it has to be looked for again, since the list has moved.
 *
 * One script, because its worker may end it at the same time: whoever is first decides, and the other is refused.
 */
export const cancelOne = new Script<number>(
  'queue.cancelOne',
  11,
  `${NOW}${NEED}${TELL}${TAKE_OUT}${KEEP}${KEEP_IDS}${TAKEN_IDS}
need('TYPE', KEYS[1]) need('HDEL', KEYS[9], 'a') need('HGET', KEYS[9], 'a') need('HDEL', KEYS[10], 'a') need('HDEL', KEYS[2], 'a') need('HDEL', KEYS[5], 'a') need('HSET', KEYS[6], 'a', 'b')
need('ZADD', KEYS[7], 1, 'a') need('ZREM', KEYS[8], 'a') need('ZSCORE', KEYS[4], 'a') need('ZADD', KEYS[4], 1, 'a')
need('PTTL', KEYS[6]) need('PEXPIRE', KEYS[6], 1) need('ZCOUNT', KEYS[4], 0, 1) need('ZRANGE', KEYS[4], 0, 0)
need('PEXPIREAT', KEYS[4], 1) needTell(KEYS[3], KEYS[11], ARGV[2])
local kind, lease, taken = redis.call('TYPE', KEYS[1]).ok, nil, 0
if kind == 'hash' then
  need('HGETALL', KEYS[1]) need('HDEL', KEYS[1], 'a') need('PUBLISH', ARGV[8], 'a')
elseif kind == 'list' then
  needTakeOut(KEYS[1])
elseif kind == 'zset' then
  need('ZREM', KEYS[1], 'a')
end
if kind == 'hash' then
  local held = redis.call('HGETALL', KEYS[1])
  for i = 1, #held, 2 do
    if held[i + 1] == ARGV[1] then lease = held[i] end
  end
  if lease then taken = redis.call('HDEL', KEYS[1], lease) end
elseif kind == 'list' then
  taken = takeOut(KEYS[1], ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]))
elseif kind == 'zset' then
  taken = redis.call('ZREM', KEYS[1], ARGV[1])
end
if taken ~= 1 then return taken end
local id, event = ARGV[6], ARGV[3] .. ',"finishedOn":' .. string.format('%.0f', now) .. '}'
redis.call('HDEL', KEYS[2], ARGV[1])
if id ~= '' then
  local hint = redis.call('HGET', KEYS[9], id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('HDEL', KEYS[9], id)
  redis.call('HDEL', KEYS[10], id)
  redis.call('HSET', KEYS[6], id, event)
  redis.call('ZADD', KEYS[7], now, id)
  redis.call('ZREM', KEYS[8], id)
  endure(KEYS[6], ARGV[7])
  endure(KEYS[7], ARGV[7])
  local taken = redis.call('ZSCORE', KEYS[4], id)
  if taken and tonumber(taken) < 0 then
    redis.call('ZADD', KEYS[4], freeAt(taken, hint), id)
    endureIds(KEYS[4])
  end
end
tellAll(KEYS[3], KEYS[11], ARGV[2], { event })
if lease then redis.call('PUBLISH', ARGV[8], 'cancel ' .. lease .. ' ' .. ARGV[9]) end
return 1
`,
);
