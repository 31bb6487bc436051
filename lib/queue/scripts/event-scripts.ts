import { NOW } from '../../redis/lua-clock.js';
import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { STAMP, TELL } from './script-parts.js';

/**
 * Tell of events that no other script tells of.
 *
 * KEYS  1 watched   2 history
 * ARGV  1 events channel   then the events (JSON)
 * Returns 1, or 0 where nobody listens.
 *
 * One script, because only what is kept has a number.
 */
export const tellOf = new Script<number>(
  'queue.tellOf',
  2,
  `${NEED}${TELL}
needTell(KEYS[1], KEYS[2], ARGV[1])
local events = {}
for i = 2, #ARGV do events[#events + 1] = ARGV[i] end
tellAll(KEYS[1], KEYS[2], ARGV[1], events)
return isHeard(KEYS[1], KEYS[2]) and 1 or 0
`,
);

/**
 * Have events kept from now on, or for longer: an entry without an event says how many.
 *
 * KEYS  1 history
 * ARGV  1 how many are kept: of two that ask the larger counts   2 ms for which they are, from now
 * Returns the place of the last entry: its id, and when it was written.
 *
 * One script, because two readers may begin at the same time.
 */
export const openHistory = new Script<string>(
  'queue.openHistory',
  1,
  `${NOW}${NEED}${STAMP}
need('XREVRANGE', KEYS[1], '+', '-') need('XADD', KEYS[1], '*', 'a', 'b') need('PTTL', KEYS[1]) need('PEXPIRE', KEYS[1], 1)
local function write(id) return redis.call('XADD', KEYS[1], id, 'most', ARGV[1], 'event', '', 'at', stamp()) end
local function last() return redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] end
local found = last()
if not found then
  write(string.format('%.0f-1', now))
elseif tonumber(found[2][2]) < tonumber(ARGV[1]) then
  local since, number = string.match(found[1], '^(%d+)%-(%d+)$')
  write(since .. '-' .. string.format('%.0f', number + 1))
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
found = last()
return found[2][6] and found[1] .. '-' .. found[2][6] or found[1]
`,
);
