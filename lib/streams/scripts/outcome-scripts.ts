import { Script } from '../../redis/script.js';
import { COMMON, NEXT, BATCH_SIZE, type WireEntry } from './group-lua.js';

/**
 * Acknowledge entries that are still the consumer's, and take those that are the first of their keys now.
 *
 * KEYS  1 stream   2 order   3 the consumer's heartbeat key
 * ARGV  1 group   2 consumer   3 the incarnation of the consumer in which it took them   4 how many
 *       then the ids, then their keys if they have any
 * Returns how many were acknowledged, and the entries that are the consumer's now.
 *
 * One script, because an entry that was claimed away meanwhile belongs to another, whose successor must not be released.
 * While the heartbeat key holds that incarnation nobody has claimed any, and no look is needed.
 */
export const acknowledge = new Script<[acknowledged: number, successors: WireEntry[]]>(
  'streams.acknowledge',
  3,
  `${COMMON}${NEXT}
local count = tonumber(ARGV[4])
local ids, keys, successors = { unpack(ARGV, 5, 4 + count) }, { unpack(ARGV, 5 + count) }, {}
if redis.call('GET', KEYS[3]) ~= ARGV[3] then
  local mine, theirKeys = {}, {}
  for at, id in ipairs(ids) do
    if holder(id) == me then
      table.insert(mine, id)
      table.insert(theirKeys, keys[at])
    end
  end
  ids, keys = mine, theirKeys
end
if #keys > 0 then
  mayOrder(order)
  mayClaim(stream, group, me)
end
if #ids > 0 then redis.call('XACK', stream, group, unpack(ids)) end
for at, key in ipairs(keys) do
  if key ~= '' then releaseNext(ids[at], key, successors) end
end
return { #ids, successors }
`,
);

/**
 * Note that an attempt begins, if the entry is still the consumer's.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   3 id   4 attempt
 * Returns 1, or 0 when it is not the consumer's.
 *
 * One script, because noting it for an entry that was claimed away would take it back.
 */
export const beginAttempt = new Script<number>(
  'streams.beginAttempt',
  2,
  `${COMMON}
if holder(ARGV[3]) ~= me then return 0 end
redis.call('XCLAIM', stream, group, me, 0, ARGV[3], 'RETRYCOUNT', ARGV[4], 'JUSTID')
return 1
`,
);

/**
 * Look which entries are not the consumer's any more.
 *
 * KEYS  1 stream   2 order
 * ARGV  1 group   2 consumer   then the ids
 * Returns the ids of those that are another's, or nobody's.
 */
export const findLost = new Script<string[]>(
  'streams.findLost',
  2,
  `${COMMON}
local lost = {}
for at = 3, #ARGV do
  if holder(ARGV[at]) ~= me then table.insert(lost, ARGV[at]) end
end
return lost
`,
  'reads',
);

/**
 * Put an entry that is given up among the dead letters, and acknowledge it.
 *
 * KEYS  1 stream   2 order   3 dead letters
 * ARGV  1 group   2 consumer   3 id   4 key ('' for none)   5 how many dead letters are kept, about
 *       6 life of the dead letters after the last one, in ms   then the dead letter's fields
 * Returns 1 when it was done, the entries that are the consumer's now, and how many older dead letters made room.
 *
 * One script, because a crash in between would lose the entry or deadLetter it twice.
 */
export const deadLetter = new Script<[done: number, successors: WireEntry[], dropped: number]>(
  'streams.deadLetter',
  3,
  `${COMMON}${NEXT}
if holder(ARGV[3]) ~= me then return { 0, {}, 0 } end
-- First, so that a Redis that is full takes the letter: an entry that is stuck would delay its key and its group.
mayAcknowledge(stream, group)
mayAdd(KEYS[3])
need('PEXPIRE', KEYS[3], ARGV[6]) need('XTRIM', KEYS[3], 'MAXLEN', '~', ARGV[5])
if ARGV[4] ~= '' then
  mayOrder(order)
  mayClaim(stream, group, me)
end
redis.call('XADD', KEYS[3], '*', unpack(ARGV, 7))
local successors = {}
redis.call('XACK', stream, group, ARGV[3])
if ARGV[4] ~= '' then releaseNext(ARGV[3], ARGV[4], successors) end
-- It is done: nothing that is refused here, as by a Redis that could not be asked before, may say otherwise.
redis.pcall('PEXPIRE', KEYS[3], ARGV[6])
local dropped = redis.pcall('XTRIM', KEYS[3], 'MAXLEN', '~', ARGV[5], 'LIMIT', ${BATCH_SIZE})
return { 1, successors, type(dropped) == 'number' and dropped or 0 }
`,
);
