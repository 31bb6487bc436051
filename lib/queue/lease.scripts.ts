import { Script } from '../redis/script.js';
import { NOW } from './now.js';

/**
 * Renew a worker's life and its patterns, and give back what dead workers held, the oldest in front. Jobs set aside for a
 * pattern that no worker serves any more go to the end of the line, some with each call; then the pattern is forgotten.
 *
 * KEYS  1 owners   2 high   3 in progress   4 state   5 watch   6 leases of the worker   7 patterns   8 waiting
 * ARGV  1 worker   2 its life in ms   3 key of leases up to the worker's id   4 wake channel
 *       5 key of a list set aside up to the pattern   6 after it   7 jobs of such lists moved at most
 *       then the patterns the worker has handlers for
 * Returns the number given back, the fences the worker still holds, and the patterns that workers have handlers for.
 *
 * One script, because a worker may come back between the look and the move. After a pause in which nobody looked (Redis
 * or all workers were away) every worker first has its whole life to show itself again. The leases and lists it reads share
 * the slot of its KEYS.
 */
export const recover = new Script<readonly [returned: number, held: string[], patterns: string[]]>(
  'queue.recover',
  8,
  `${NOW}
local life = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now + life, ARGV[1])
local since, last = string.match(redis.call('GET', KEYS[5]) or '', '^(%d+) (%d+)$')
if not last or now - last > life * 2 / 3 or now < tonumber(last) then since = now end
redis.call('SET', KEYS[5], string.format('%.0f %.0f', since, now), 'PX', life * 100)

local function note(job, owner)
  local text = redis.call('HGET', KEYS[4], job)
  local known, state = pcall(cjson.decode, text or '{}')
  if not known then state = {} end
  if state.alone then
    state.lostAlone = (state.lostAlone or 0) + 1
    state.alone = nil
  else
    state.lost = (state.lost or 0) + 1
  end
  local history = state.history or {}
  history[#history + 1] = { at = now, error = 'lost with its worker ' .. owner }
  if #history > 10 then table.remove(history, 1) end
  state.history = history
  redis.call('HSET', KEYS[4], job, cjson.encode(state))
end

for i = 8, #ARGV do redis.call('ZADD', KEYS[7], now + life, ARGV[i]) end

local returned = 0
local served = '-inf'
if now - since >= life then
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
    local key = ARGV[3] .. owner
    local held = redis.call('HGETALL', key)
    local leases = {}
    for i = 1, #held, 2 do leases[#leases + 1] = { tonumber(held[i]), held[i + 1] } end
    table.sort(leases, function(a, b) return a[1] > b[1] end)
    for _, lease in ipairs(leases) do
      redis.call('LREM', KEYS[3], -1, lease[2])
      note(lease[2], owner)
      redis.call('RPUSH', KEYS[2], lease[2])
      returned = returned + 1
    end
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], owner)
  end
  served = now
  local left = tonumber(ARGV[7])
  local expired = redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, 100)
  for i = 1, #expired, 2 do
    local list = ARGV[5] .. expired[i] .. ARGV[6]
    while left > 0 and redis.call('LMOVE', list, KEYS[8], 'RIGHT', 'LEFT') do left = left - 1 end
    -- Another worker may still believe it served, and set a job aside for it: so not at once.
    if now - expired[i + 1] > life * 10 and redis.call('EXISTS', list) == 0 then redis.call('ZREM', KEYS[7], expired[i]) end
  end
end
if returned > 0 then redis.call('PUBLISH', ARGV[4], 'recovered') end
return { returned, redis.call('HKEYS', KEYS[6]), redis.call('ZRANGEBYSCORE', KEYS[7], served, '+inf') }
`,
);

/**
 * Take a worker off the list of those to look after. The last one puts back into the waiting list what Nest workers alone
 * can see, for a Hydra 1.x worker that may be there.
 *
 * KEYS  1 owners   2 waiting   3 high   4 patterns   5 leases of the worker
 * ARGV  1 worker   2 key of a list set aside up to the pattern   3 after it   4 jobs put back at most
 *
 * One script, because two workers that leave together would each take the other for the last. A worker that holds
 * something still is left to the others to recover.
 */
export const leave = new Script<number>(
  'queue.leave',
  5,
  `
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('ZCARD', KEYS[1]) > 0 then return 0 end
local lists = {}
for _, pattern in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do lists[#lists + 1] = ARGV[2] .. pattern .. ARGV[3] end
lists[#lists + 1] = KEYS[3]
local left = tonumber(ARGV[4])
for _, list in ipairs(lists) do
  while left > 0 and redis.call('LMOVE', list, KEYS[2], 'LEFT', 'RIGHT') do left = left - 1 end
end
return tonumber(ARGV[4]) - left
`,
);

/**
 * Give back jobs that were taken for a worker which never learnt of them, since the answer got lost.
 *
 * KEYS  1 high   2 in progress   3 leases of the worker
 * ARGV  their fences
 *
 * One script, so that a lease and its job move together.
 */
export const giveBack = new Script<number>(
  'queue.giveBack',
  3,
  `
local returned = 0
for _, fence in ipairs(ARGV) do
  local job = redis.call('HGET', KEYS[3], fence)
  if job then
    redis.call('HDEL', KEYS[3], fence)
    redis.call('LREM', KEYS[2], -1, job)
    redis.call('RPUSH', KEYS[1], job)
    returned = returned + 1
  end
end
return returned
`,
);

/**
 * Write the state of a job that a worker holds.
 *
 * KEYS  1 leases of the worker   2 state
 * ARGV  1 fence   2 job   3 state
 * Returns 1, or 0 when the worker does not hold it any more.
 *
 * One script, because the state may only be written while the job is held.
 */
export const writeState = new Script<number>(
  'queue.writeState',
  2,
  `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
`,
);

/**
 * Tell how far a job is.
 *
 * KEYS  1 leases of the worker   2 progress   3 watched
 * ARGV  1 fence   2 id, '' where nobody could ask for it   3 value (JSON)   4 events channel   5 event (JSON)
 * Returns 1, or 0 when the worker does not hold the job any more.
 *
 * One script, because a worker that lost its lease must not be heard.
 */
export const report = new Script<number>(
  'queue.report',
  3,
  `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('PUBLISH', ARGV[4], '[' .. ARGV[5] .. ']') end
return 1
`,
);
