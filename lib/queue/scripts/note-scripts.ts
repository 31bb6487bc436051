import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';
import { ALLOW_OOM, TELL } from './script-parts.js';

/**
 * Tell how far a job is.
 *
 * KEYS  1 leases of the worker   2 progress   3 watched   4 history
 * ARGV  1 lease   2 id, '' where nobody could ask for it   3 value (JSON)   4 events channel   5 event (JSON)
 * Returns 1, or 0 when the worker does not hold the job any more.
 *
 * One script, because a worker that lost its lease must not be heard.
 */
export const report = new Script<number>(
  'queue.report',
  4,
  `${NEED}${TELL}
needTell(KEYS[3], KEYS[4], ARGV[4]) need('HEXISTS', KEYS[1], 'a') need('HSET', KEYS[2], 'a', 'b')
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
tellAll(KEYS[3], KEYS[4], ARGV[4], { ARGV[5] })
return 1
`,
);

/**
 * Write a line into the log of a job.
 *
 * KEYS  1 leases of the worker   2 log of the job
 * ARGV  1 lease   2 line   3 lines kept   4 ms for which they are   5 how lines of the job begin: others are an earlier job's,
 *       and go
 * Returns 1, or 0 when the worker does not hold the job any more.
 *
 * One script, because a worker that lost its lease must not be heard.
 */
export const addLog = new Script<number>(
  'queue.addLog',
  2,
  `${NEED}
need('HEXISTS', KEYS[1], 'a') need('LINDEX', KEYS[2], -1) need('DEL', KEYS[2]) need('RPUSH', KEYS[2], 'a') need('LTRIM', KEYS[2], 0, 1) need('PEXPIRE', KEYS[2], 1)
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local last = redis.call('LINDEX', KEYS[2], -1)
if last and string.sub(last, 1, #ARGV[5]) ~= ARGV[5] then redis.call('DEL', KEYS[2]) end
redis.call('RPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], -ARGV[3], -1)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
`,
);

/**
 * Keep what a step of a job gave, in the state of the job.
 *
 * KEYS  1 leases of the worker   2 state
 * ARGV  1 lease   2 job   3 name of the step   4 its result
 * Returns 1, or 0 when the worker does not hold the job any more.
 *
 * One script, because the state may only be written while the job is held, and others write it too: what it says beside the
 * steps stays.
 */
export const keepStep = new Script<number>(
  'queue.keepStep',
  2,
  `${NEED}
need('HEXISTS', KEYS[1], 'a') need('HDEL', KEYS[1], 'a') need('HGET', KEYS[2], 'a') need('HSET', KEYS[2], 'a', 'b')
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
${ALLOW_OOM}
local isKnown, state = pcall(cjson.decode, redis.call('HGET', KEYS[2], ARGV[2]) or '{}')
if not isKnown or type(state) ~= 'table' then state = {} end
if type(state.steps) ~= 'table' then state.steps = {} end
state.steps[ARGV[3]] = ARGV[4]
redis.call('HSET', KEYS[2], ARGV[2], cjson.encode(state))
return 1
`,
);
