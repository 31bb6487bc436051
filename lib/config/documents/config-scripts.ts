import { NOW } from '../../redis/lua-clock.js';
import { NEED } from '../../redis/lua-need.js';
import { Script } from '../../redis/script.js';

/**
 * Added to every script. The hash that Hydra 1.x reads and writes is the truth; `pending` compares it with the revisions
 * that are known. What another program wrote becomes a revision, with a place in the history, once somebody who may write
 * comes by; until then a reader is told the revision that it will have.
 *
 * The service itself says how long its history is; until it did, nobody makes it shorter than it is.
 *
 * KEYS  1 configs (hash: version → JSON)   2 revisions (hash: version → '<revision> <sha1>')   3 counter   4 history
 *       5 entries the history keeps, as its service says
 * ARGV  1 announcements channel   2 entries the history keeps where the service did not say   3 largest document it keeps,
 *         in bytes
 */
const PENDING = `${NOW}
local hashed = 0
local function sorted(key)
  local versions = redis.call('HKEYS', key)
  table.sort(versions)
  return versions
end

local function entryOf(revision, action, version, text)
  local entry = { revision = revision, version = version, action = action, at = now, by = '', why = '' }
  if text and #text <= tonumber(ARGV[3]) then entry.text = text end
  return entry
end

local function known(version, text)
  local revision, digest = string.match(redis.call('HGET', KEYS[2], version) or '', '^(%d+) (%x+)$')
  hashed = hashed + #text
  return digest == redis.sha1hex(text) and tonumber(revision) or nil
end

-- What other programs did and nobody has recorded yet: { entry, text }, in the order in which it is recorded.
local function pending()
  local found, revision = {}, tonumber(redis.call('GET', KEYS[3]) or 0)
  local function add(action, version, text)
    revision = revision + 1
    local entry = entryOf(revision, action, version, text)
    entry.foreign = true
    table.insert(found, { entry, text })
  end
  for _, version in ipairs(sorted(KEYS[1])) do
    local text = redis.call('HGET', KEYS[1], version)
    if not known(version, text) then add('put', version, text) end
  end
  for _, version in ipairs(sorted(KEYS[2])) do
    if redis.call('HEXISTS', KEYS[1], version) == 0 then add('remove', version) end
  end
  return found
end

local function find(version)
  local text = redis.call('HGET', KEYS[1], version)
  if not text then return 0, false end
  return known(version, text), text
end
`;

/** Added to the scripts that write. */
const RECORD = `${PENDING}${NEED}
local function limit()
  local said = tonumber(redis.call('GET', KEYS[5]) or '')
  return said or math.max(tonumber(ARGV[2]), redis.call('LLEN', KEYS[4]))
end

-- Before anything has changed: a user without all rights is refused whole.
local function needRecord()
  need('HKEYS', KEYS[1]) need('HKEYS', KEYS[2]) need('HGET', KEYS[1], 'a') need('HGET', KEYS[2], 'a') need('HEXISTS', KEYS[1], 'a')
  need('HEXISTS', KEYS[2], 'a') need('GET', KEYS[3]) need('GET', KEYS[5]) need('LLEN', KEYS[4])
  need('LPUSH', KEYS[4], 'a') need('LTRIM', KEYS[4], 0, 1) need('INCR', KEYS[3]) need('HSET', KEYS[2], 'a', 'b')
  need('HDEL', KEYS[2], 'a') need('HSET', KEYS[1], 'a', 'b') need('HDEL', KEYS[1], 'a') need('PUBLISH', ARGV[1], 'a')
end

local function record(entry, text)
  local keeps = limit()
  redis.call('LPUSH', KEYS[4], cjson.encode(entry))
  redis.call('LTRIM', KEYS[4], 0, keeps - 1)
  redis.call('INCR', KEYS[3])
  if text then
    redis.call('HSET', KEYS[2], entry.version, entry.revision .. ' ' .. redis.sha1hex(text))
  else
    redis.call('HDEL', KEYS[2], entry.version)
  end
  redis.call('PUBLISH', ARGV[1], entry.revision .. ' ' .. entry.action .. ' ' .. entry.version)
  return entry.revision
end

local function recordPending()
  for _, found in ipairs(pending()) do record(found[1], found[2]) end
end

local function recordNew(action, version, text, by, why)
  local entry = entryOf(tonumber(redis.call('GET', KEYS[3]) or 0) + 1, action, version, text)
  entry.by, entry.why, entry.foreign = by, why, false
  return record(entry, text)
end

-- One that was written or removed by another program makes all of them be recorded: a reader was told their order.
local function current(version)
  local revision, text = find(version)
  if not text and redis.call('HEXISTS', KEYS[2], version) == 1 then recordPending() end
  if revision then return revision, text end
  recordPending()
  return find(version)
end
`;

/**
 * Read one version with its revision.
 *
 * KEYS  as above
 * ARGV  as above, and   4 version
 * Returns the revision and the text; 0 and nil when the version is not stored.
 *
 * One script, because a revision read apart from its text might belong to another.
 */
export const readConfig = new Script<[revision: number, text: string | null]>(
  'config.readConfig',
  5,
  `${PENDING}
local revision, text = find(ARGV[4])
if not revision then
  for _, found in ipairs(pending()) do if found[1].version == ARGV[4] then revision = found[1].revision end end
end
return { revision, text }
`,
  'reads',
);

/**
 * Read what other programs wrote or removed and nobody has recorded yet.
 *
 * KEYS  as above
 * ARGV  as above
 * Returns the entries that the history will have of it, as JSON, in their order.
 *
 * One script, because the revisions they will have follow from the counter.
 */
export const readPending = new Script<string[]>(
  'config.readPending',
  5,
  `${PENDING}
local entries = {}
for place, found in ipairs(pending()) do entries[place] = cjson.encode(found[1]) end
return entries
`,
  'reads',
);

/**
 * Look whether anything has changed, and write nothing.
 *
 * KEYS  as above
 * ARGV  as above
 * Returns a text that is another one after each change, and the bytes that were hashed for it.
 *
 * A script only to keep the texts from travelling.
 */
export const lookAtConfigs = new Script<[state: string, hashed: number]>(
  'config.lookAtConfigs',
  5,
  `${PENDING}
local state = { redis.call('GET', KEYS[3]) or '' }
for _, found in ipairs(pending()) do
  table.insert(state, found[1].version .. ' ' .. redis.sha1hex(found[2] or ''))
end
return { table.concat(state, ' '), hashed }
`,
  'reads',
);

/**
 * Store one version.
 *
 * KEYS  as above
 * ARGV  as above, and   4 version   5 JSON   6 revision it must have now, 0 for none, '' for any   7 who   8 why
 *       9 'put' | 'rollback'
 * Returns 1 and the new revision; 0 and the present one when that was not the expected.
 *
 * One script, so that two writers cannot overwrite each other unseen.
 */
export const writeConfig = new Script<[written: 0 | 1, revision: number]>(
  'config.writeConfig',
  5,
  `${RECORD}
needRecord()
local revision = current(ARGV[4])
if ARGV[6] ~= '' and tonumber(ARGV[6]) ~= revision then return { 0, revision } end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
return { 1, recordNew(ARGV[9], ARGV[4], ARGV[5], ARGV[7], ARGV[8]) }
`,
);

/**
 * Remove one version.
 *
 * KEYS  as above
 * ARGV  as above, and   4 version   5 revision it must have now, '' for any   6 who   7 why
 * Returns 1 and the revision of the removal; 0 and the present revision (0 for none) when nothing was removed.
 *
 * One script, so that nobody removes what he has not seen.
 */
export const removeConfig = new Script<[removed: 0 | 1, revision: number]>(
  'config.removeConfig',
  5,
  `${RECORD}
needRecord()
local revision, text = current(ARGV[4])
if not text or (ARGV[5] ~= '' and tonumber(ARGV[5]) ~= revision) then return { 0, revision } end
redis.call('HDEL', KEYS[1], ARGV[4])
return { 1, recordNew('remove', ARGV[4], nil, ARGV[6], ARGV[7]) }
`,
);

/**
 * Compare every version with its revision, and record what another program wrote or removed.
 *
 * KEYS  as above, and   6 survey
 * ARGV  as above, and   4 pause before the next survey, in ms; 0 to survey in any case
 * Returns the counter, as text; '' when nothing was ever stored.
 *
 * One script, because two surveys at once would record a foreign write twice. However many instances ask, one of them
 * surveys in a pause, and the pause grows with the bytes to be hashed (half a second for each megabyte), which holds its
 * share of Redis's time near one hundredth.
 */
export const surveyConfigs = new Script<string>(
  'config.surveyConfigs',
  6,
  `${RECORD}
needRecord()
need('SET', KEYS[6], '1') need('PEXPIRE', KEYS[6], 1)
local pause = tonumber(ARGV[4])
if pause == 0 or redis.call('SET', KEYS[6], '1', 'NX', 'PX', pause) then
  recordPending()
  if pause > 0 and hashed > pause * 2000 then redis.call('PEXPIRE', KEYS[6], math.floor(hashed / 2000)) end
end
return redis.call('GET', KEYS[3]) or ''
`,
);
