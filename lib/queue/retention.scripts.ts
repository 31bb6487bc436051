import { Script } from '../redis/script.js';
import { NOW } from './now.js';

/**
 * Forget what finished too long ago, and ids that are not taken any more.
 *
 * Dead letters stand in the order in which they died. One without a date, as a Hydra 1.x worker writes it, is as old as the
 * next dated one behind it, at least, and goes with that.
 *
 * KEYS  1 finished   2 results   3 dead letters   4 ids
 * ARGV  1 oldest instant of a completed job (Unix ms)   2 oldest instant of a dead letter (ISO 8601)
 *       3 number to look at, and to forget, of either at most   4 index of the dead letter to look at first
 * Returns the number forgotten, and the index for the next look: 0, unless it ended among letters without a date.
 *
 * One script, because both ends of the look and the removal must be the same element.
 */
export const forgetOld = new Script<readonly [forgotten: number, next: number]>(
  'queue.forgetOld',
  4,
  `${NOW}
local most = tonumber(ARGV[3])
local forgotten = 0
for _ = 1, most do
  local id = redis.call('LINDEX', KEYS[1], -1)
  if not id then break end
  local record = redis.call('HGET', KEYS[2], id)
  local at = record and string.match(record, '"finishedOn":(%d+)')
  if at and tonumber(at) >= tonumber(ARGV[1]) then break end
  redis.call('RPOP', KEYS[1])
  redis.call('HDEL', KEYS[2], id)
  forgotten = forgotten + 1
end

local free = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, most)
if #free > 0 then redis.call('ZREM', KEYS[4], unpack(free)) end

local from = tonumber(ARGV[4])
local old, next = 0, from + most
for i = from, from + most - 1 do
  local dead = redis.call('LINDEX', KEYS[3], i)
  local on = dead and string.match(dead, '"hydraDead":.-"diedOn":"([^"]+)"')
  if on and on < ARGV[2] then old = i + 1 end
  if not dead or (on and on >= ARGV[2]) then
    next = 0
    break
  end
end
if old == 0 then return { forgotten, next } end
local gone = math.min(old, most)
redis.call('LPOP', KEYS[3], gone)
-- The last old one is where the next look begins, if there are more in front of it than one call may take.
return { forgotten + gone, math.max(0, old - gone - 1) }
`,
);
