import { NOW } from '../../redis/lua-clock.js';
import { Script } from '../../redis/script.js';

/**
 * Added to every script. The hash that Hydra 1.x reads and writes is the truth; `current` compares a version with the
 * revision that is known of it, so that what another program wrote becomes a revision, with a place in the history,
 * before anything else happens to it.
 *
 * The service itself says how long its history is; until it did, nobody makes it shorter than it is.
 *
 * KEYS  1 configs (hash: version → JSON)   2 revisions (hash: version → '<revision> <sha1>')   3 counter   4 history
 *       5 entries the history keeps, as its service says
 * ARGV  1 announcements channel   2 entries the history keeps where the service did not say   3 largest document it keeps,
 *         in bytes
 */
const REVISIONS = `${NOW}
local function limit()
  local said = tonumber(redis.call('GET', KEYS[5]) or '')
  return said or math.max(tonumber(ARGV[2]), redis.call('LLEN', KEYS[4]))
end

local function record(action, version, text, by, why, foreign)
  -- The history first: a user without the right to write it is refused before anything has changed.
  local keeps, revision = limit(), tonumber(redis.call('GET', KEYS[3]) or 0) + 1
  local entry = { revision = revision, version = version, action = action, at = now, by = by, why = why, foreign = foreign }
  if text then
    if #text <= tonumber(ARGV[3]) then entry.text = text end
  end
  redis.call('LPUSH', KEYS[4], cjson.encode(entry))
  redis.call('LTRIM', KEYS[4], 0, keeps - 1)
  redis.call('INCR', KEYS[3])
  if text then
    redis.call('HSET', KEYS[2], version, revision .. ' ' .. redis.sha1hex(text))
  else
    redis.call('HDEL', KEYS[2], version)
  end
  redis.call('PUBLISH', ARGV[1], revision .. ' ' .. action .. ' ' .. version)
  return revision
end

local function current(version)
  local text = redis.call('HGET', KEYS[1], version)
  local known = redis.call('HGET', KEYS[2], version)
  if not text then
    if known then record('remove', version, nil, '', '', true) end
    return 0, false
  end
  local revision, digest = string.match(known or '', '^(%d+) (%x+)$')
  if digest == redis.sha1hex(text) then return tonumber(revision), text end
  return record('put', version, text, '', '', true), text
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
  `${REVISIONS}
local revision, text = current(ARGV[4])
return { revision, text }
`,
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
  `${REVISIONS}
local revision = current(ARGV[4])
if ARGV[6] ~= '' and tonumber(ARGV[6]) ~= revision then return { 0, revision } end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
return { 1, record(ARGV[9], ARGV[4], ARGV[5], ARGV[7], ARGV[8], false) }
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
  `${REVISIONS}
local revision, text = current(ARGV[4])
if not text or (ARGV[5] ~= '' and tonumber(ARGV[5]) ~= revision) then return { 0, revision } end
redis.call('HDEL', KEYS[1], ARGV[4])
return { 1, record('remove', ARGV[4], nil, ARGV[6], ARGV[7], false) }
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
  `${REVISIONS}
local pause = tonumber(ARGV[4])
if pause == 0 or redis.call('SET', KEYS[6], '1', 'NX', 'PX', pause) then
  local bytes = 0
  local versions = redis.call('HKEYS', KEYS[1])
  table.sort(versions)
  for _, version in ipairs(versions) do
    local _, text = current(version)
    bytes = bytes + #text
  end
  for _, version in ipairs(redis.call('HKEYS', KEYS[2])) do current(version) end
  if pause > 0 and bytes > pause * 2000 then redis.call('PEXPIRE', KEYS[6], math.floor(bytes / 2000)) end
end
return redis.call('GET', KEYS[3]) or ''
`,
);
