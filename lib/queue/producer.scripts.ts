import { Script } from '../redis/script.js';
import { NOW } from './now.js';

/**
 * Add a job that is more than the next in line: unique, later, or first.
 *
 * KEYS  1 waiting   2 high   3 delayed   4 ids   5 results   6 finished
 * ARGV  1 job   2 '1' for high priority   3 delay in ms   4 id, '' when it need not be unique   5 ms for which it is taken
 *       6 wake channel
 * Returns 1, or 0 when the id is taken.
 *
 * One script, because two producers could take the same id. What an earlier job with the id came to is forgotten when it is
 * taken again: nobody may take it for the outcome of this one. A job whose very text is delayed already goes first: early
 * rather than never.
 */
export const addOne = new Script<number>(
  'queue.addOne',
  6,
  `${NOW}
if ARGV[4] ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  if redis.call('ZSCORE', KEYS[4], ARGV[4]) then return 0 end
  redis.call('ZADD', KEYS[4], now + ARGV[5], ARGV[4])
  if redis.call('HDEL', KEYS[5], ARGV[4]) == 1 then redis.call('LREM', KEYS[6], 0, ARGV[4]) end
end
local delay = tonumber(ARGV[3])
if delay > 0 and redis.call('ZADD', KEYS[3], 'NX', now + delay, ARGV[1]) == 1 then
  redis.call('PUBLISH', ARGV[6], 'delayed')
elseif delay > 0 then
  redis.call('RPUSH', KEYS[2], ARGV[1])
  redis.call('PUBLISH', ARGV[6], 'high')
elseif ARGV[2] == '1' then
  redis.call('LPUSH', KEYS[2], ARGV[1])
  redis.call('PUBLISH', ARGV[6], 'high')
else
  redis.call('LPUSH', KEYS[1], ARGV[1])
end
return 1
`,
);

/** What `countAll` gives back. */
export type Counted = readonly [
  waiting: number,
  active: number,
  delayed: number,
  dead: number,
  completed: number,
  isPaused: number,
];

/** Added to scripts that go through everything that waits: the lists in the order in which jobs are taken. */
const WAITING = `
local lists = { KEYS[2] }
for _, pattern in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do lists[#lists + 1] = ARGV[1] .. pattern .. ARGV[2] end
lists[#lists + 1] = KEYS[1]
`;

/**
 * Count the jobs by their states.
 *
 * KEYS  1 waiting   2 high   3 patterns   4 in progress   5 delayed   6 incomplete   7 finished   8 paused
 * ARGV  1 key of a list set aside up to the pattern   2 after it
 *
 * One script, so that a job on its way from one state to the next is counted once. The lists set aside share the slot of
 * its KEYS.
 */
export const countAll = new Script<Counted>(
  'queue.countAll',
  8,
  `${WAITING}
local waiting = 0
for _, list in ipairs(lists) do waiting = waiting + redis.call('LLEN', list) end
return {
  waiting, redis.call('LLEN', KEYS[4]), redis.call('ZCARD', KEYS[5]), redis.call('LLEN', KEYS[6]),
  redis.call('LLEN', KEYS[7]), redis.call('EXISTS', KEYS[8])
}
`,
);

/**
 * Read a page of what waits, in the order in which it is taken.
 *
 * KEYS  1 waiting   2 high   3 patterns
 * ARGV  1 key of a list set aside up to the pattern   2 after it   3 jobs to pass over   4 jobs to read
 *
 * One script, because the page may begin in one list and end in another.
 */
export const pageWaiting = new Script<string[]>(
  'queue.pageWaiting',
  3,
  `${WAITING}
local skip, left, page = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
for _, list in ipairs(lists) do
  local length = redis.call('LLEN', list)
  if skip < length and left > 0 then
    local jobs = redis.call('LRANGE', list, -skip - left, -skip - 1)
    for i = #jobs, 1, -1 do page[#page + 1] = jobs[i] end
    left = left - #jobs
    skip = 0
  else
    skip = math.max(0, skip - length)
  end
end
return page
`,
);

/**
 * The names of the lists of everything that waits.
 *
 * KEYS  1 waiting   2 high   3 patterns
 * ARGV  1 key of a list set aside up to the pattern   2 after it
 */
export const waitingLists = new Script<string[]>('queue.waitingLists', 3, `${WAITING} return lists`);

/**
 * Read those elements of a part of a list that contain a text.
 *
 * KEYS  1 list
 * ARGV  1 first index   2 last index   3 text
 * Returns the length of the list as text, then the elements.
 *
 * A script only to keep the others from travelling.
 */
export const search = new Script<string[]>(
  'queue.search',
  1,
  `
local found = { tostring(redis.call('LLEN', KEYS[1])) }
for _, element in ipairs(redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  if string.find(element, ARGV[3], 1, true) then found[#found + 1] = element end
end
return found
`,
);

/**
 * Read those elements of a part of a list or sorted set that may be those of some jobs: they hold an id that begins like one
 * of theirs.
 *
 * KEYS  1 list, or sorted set
 * ARGV  1 first index   2 last index   then ids as JSON text
 * Returns the length of the list as text, then the elements.
 *
 * A script only to keep the others from travelling. What it costs follows the list and the number of ids, not their product.
 */
export const searchIds = new Script<string[]>(
  'queue.searchIds',
  1,
  `
local wanted = {}
-- Up to the first quote, also where that is part of the id.
for i = 3, #ARGV do wanted[string.match(ARGV[i], '^"(.-)"')] = true end
local isSet = redis.call('TYPE', KEYS[1]).ok == 'zset'
local found = { tostring(redis.call(isSet and 'ZCARD' or 'LLEN', KEYS[1])) }
for _, element in ipairs(redis.call(isSet and 'ZRANGE' or 'LRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  for id in string.gmatch(element, '"mid":"(.-)"') do
    if wanted[id] then
      found[#found + 1] = element
      break
    end
  end
end
return found
`,
);

/**
 * Take out a job, or a dead letter, and what is remembered of it.
 *
 * KEYS  1 the list or sorted set that it is in   2 state   3 watched
 * ARGV  1 its text   2 events channel   3 event (JSON)
 * Returns 1, or 0 when it was not there any more: what is remembered of it is kept then, for whoever has taken it.
 *
 * One script, because a worker may take it at the same time.
 */
export const removeOne = new Script<number>(
  'queue.removeOne',
  3,
  `
local isList = redis.call('TYPE', KEYS[1]).ok == 'list'
local removed = isList and redis.call('LREM', KEYS[1], -1, ARGV[1]) or redis.call('ZREM', KEYS[1], ARGV[1])
if removed == 1 then
  redis.call('HDEL', KEYS[2], ARGV[1])
  if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('PUBLISH', ARGV[2], '[' .. ARGV[3] .. ']') end
end
return removed
`,
);

/**
 * Make jobs of dead letters again.
 *
 * KEYS  1 incomplete   2 waiting   3 state
 * ARGV  pairs: dead letter, job
 * Returns 1 or 0 for each: 0 when the dead letter was not there any more.
 *
 * One script, because two people may press the button.
 */
export const redriveAll = new Script<number[]>(
  'queue.redriveAll',
  3,
  `
local done = {}
for i = 1, #ARGV, 2 do
  local removed = redis.call('LREM', KEYS[1], 1, ARGV[i])
  done[#done + 1] = removed
  if removed == 1 then
    redis.call('HDEL', KEYS[3], ARGV[i + 1])
    redis.call('LPUSH', KEYS[2], ARGV[i + 1])
  end
end
return done
`,
);
