/**
 * Added to scripts that must run also when Redis has no memory left: they free some, or keep what is alive alive. Redis
 * refuses the first write of a script that may need memory, and none after one that cannot: this one changes nothing.
 * (The flag `allow-oom` says the same to Redis 7 alone.)
 */
export const ALLOW_OOM = `redis.call('HDEL', KEYS[1], '')
`;

/** Added to scripts: `patternOf(job)` reads a job's pattern from its text; nil where that is no message. */
export const PATTERN_OF = `
-- As this library writes a job without headers, and Hydra 1.x one with a type; anything else is parsed.
local PLAIN = '^{"to":"[^"\\\\]*","frm":"[^"\\\\]*","mid":"[^"\\\\]*","ts":"[^"\\\\]*","typ":"([^"\\\\]+)"'
local HEADED = '^{"to":"[^"\\\\]*","frm":"[^"\\\\]*","hdr":%b{},"mid":"[^"\\\\]*","ts":"[^"\\\\]*","typ":"([^"\\\\]+)"'
local function patternOf(job)
  local pattern = string.match(job, PLAIN) or string.match(job, HEADED)
  if pattern then return pattern end
  local isRead, message = pcall(cjson.decode, job)
  if not isRead or type(message) ~= 'table' then return nil end
  if type(message.typ) == 'string' and message.typ ~= '' then return message.typ end
  if type(message.to) ~= 'string' then return nil end
  local path = string.match(message.to, '^[^:]*:(.*)$') or ''
  return (string.gsub(string.gsub(path, '^%[[^%]]*%]', ''), '^/', ''))
end
`;

/**
 * Added to scripts: `wake(idle, prefix, pattern)` rings two workers that have nothing to do and room for the pattern
 * (any, where it is nil), and no more: each that is rung costs a look at the queue. Who is not rung looks within a second.
 * `idle` is the HASH of workers that wait, with the patterns they have room for. `needWake(idle, prefix)` asks for the rights.
 */
export const WAKE = `
local function needWake(idle, prefix)
  need('HLEN', idle) need('HGETALL', idle) need('HRANDFIELD', idle, 64, 'WITHVALUES') need('HDEL', idle, 'a')
  need('PUBLISH', prefix .. 'a', 'a')
end
local function wake(idle, prefix, pattern)
  local known = redis.call('HLEN', idle)
  if known == 0 then return end
  local workers = known <= 64 and redis.call('HGETALL', idle) or redis.call('HRANDFIELD', idle, 64, 'WITHVALUES')
  local rung = 0
  for i = 1, #workers, 2 do
    if not pattern or string.find(workers[i + 1], '\\n' .. pattern .. '\\n', 1, true) then
      redis.call('HDEL', idle, workers[i])
      -- Nobody there: it died. On a Cluster the others' nodes are not counted, and more of them ring.
      if redis.call('PUBLISH', prefix .. workers[i], 'wake') > 0 then rung = rung + 1 end
      if rung == 2 then return end
    end
  end
end
`;

/**
 * Added to scripts: `giveBack(returned, high, job, fence)` puts a job where those stand that were taken before, in the order
 * in which they were. The very same text twice finds its place taken: it goes first then.
 */
export const GIVE_BACK = `
local function giveBack(returned, high, job, fence)
  if redis.call('ZADD', returned, 'NX', fence, job) == 0 then redis.call('RPUSH', high, job) end
end
local function fenceOf(lease) return tonumber(string.match(lease, '^%d+')) or 0 end
`;

/**
 * Added to scripts: `endure(key, ms)` lets a key live for at least so long, and an hour more: what nobody looks after any more
 * ends by itself. `endureIds(key)` does so for ids, once no job has one of them any more.
 */
export const KEEP = `
local HOUR, CENTURY = 3600000, 3155760000000
local function endure(key, ms)
  ms = math.min(tonumber(ms), CENTURY)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms + HOUR) end
end
local function endureIds(key)
  if redis.call('ZCOUNT', key, '-inf', '(0') > 0 then return end
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if last[2] then redis.call('PEXPIREAT', key, string.format('%.0f', last[2] + HOUR)) end
end
`;

/** Elements of a list that one script may compare: LPOS and LREM look at each on their way. */
const NEAR = 50_000;

/**
 * Added to scripts: `takeOut(list, text, index, length)` takes an element out of a list and returns 1, or 0 where it is not
 * there. `index` and `length` tell where it was seen, and of how many. One that is far from both ends is found by its index,
 * and the first of the list takes its place: to go there element by element would hold up all others. Only where the list
 * has moved since it was seen is there no other way. `needTakeOut(list)` is for the rights to do so.
 */
export const TAKE_OUT = `
local function needTakeOut(list)
  need('LREM', list, 1, 'a') need('LPOP', list) need('LSET', list, 0, 'a')
end
local function takeOut(list, text, index, length)
  local isNearTail = index > length / 2
  if math.min(index, length - index) > ${NEAR} then
    for _, at in ipairs({ index, index - length }) do
      if redis.call('LINDEX', list, at) == text then
        local head = redis.call('LPOP', list)
        redis.call('LSET', list, at < 0 and at or at - 1, head)
        return 1
      end
    end
  end
  return redis.call('LREM', list, isNearTail and -1 or 1, text)
end
`;
