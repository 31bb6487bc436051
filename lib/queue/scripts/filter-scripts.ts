import { Script } from '../../redis/script.js';
import { WALK } from './producer-scripts.js';
import { PATTERN_OF } from './script-parts.js';

/** Outcomes that one step looks at. */
const STRIDE = 500;
const MAX_BYTES = 1_048_576;

/** What a step of a filtered look gives. */
export type FilterReply = readonly [
  next: number,
  score: string,
  seen: string,
  looked: number,
  patterns: readonly (string | number)[],
  texts: readonly string[],
  length: number,
  indexes: readonly number[],
];

/** Added to the scripts below: what is counted, and what of it is given back. */
const PASS = `
local looked, counts, texts, indexes, most = 0, {}, {}, {}, tonumber(ARGV[8])
local function pass(text, pattern, at, index)
  if ARGV[4] ~= '' and pattern ~= ARGV[4] then return end
  if ARGV[5] ~= '' and not string.find(text, ARGV[5], 1, true) then return end
  if (ARGV[6] ~= '' and at < ARGV[6]) or (ARGV[7] ~= '' and at > ARGV[7]) then return end
  counts[pattern] = (counts[pattern] or 0) + 1
  if #texts < most then texts[#texts + 1], indexes[#indexes + 1] = text, index end
end
local function flat()
  local list = {}
  for pattern, count in pairs(counts) do
    list[#list + 1] = pattern
    list[#list + 1] = count
  end
  return list
end
`;

/**
 * Look through a part of a list, a sorted set or a hash for jobs, or dead letters, that pass a filter, and count them by pattern.
 *
 * KEYS  1 the place
 * ARGV  1 first index   2 of a sorted set the score of the element that was seen last, '' at first   3 that element
 *       4 pattern, '' for all   5 a text that they hold, ''   6 added at this instant or later, '' (ISO 8601)   7 or earlier, ''
 *       8 how many texts to give back at most   9 '1' where they are dead letters: then it is the instant of their death
 * Returns {@link FilterReply}: the index to continue from, or -1; last the number of elements that there are, and where among them
 *   each text was.
 *
 * A script only to keep the others from travelling. What it costs is bounded, however long and large the elements are.
 */
export const filterJobs = new Script<FilterReply>(
  'queue.filterJobs',
  1,
  `${PATTERN_OF}${WALK}${PASS}
local function timeOf(element)
  if ARGV[9] ~= '1' then return string.match(element, '"ts":"([^"]*)"') or '' end
  local head = string.find(element, '"hydraDead":', 1, true)
  return head and string.match(element, '"diedOn":"([^"]+)"', head) or ''
end
local next, length, score, seen = walk(KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3], function(index, element)
  looked = looked + 1
  pass(element, patternOf(element) or '', timeOf(element), index)
end)
return { next, score, seen, looked, flat(), texts, length, indexes }
`,
  'reads',
);

/**
 * The same of the outcomes of completed jobs, newest first.
 *
 * KEYS  1 finished   2 results
 * ARGV  as above; the instants are those of their end, in Unix ms of 13 digits
 * Returns {@link FilterReply}
 */
export const filterOutcomes = new Script<FilterReply>(
  'queue.filterOutcomes',
  2,
  `${PASS}
local from = tonumber(ARGV[1])
local ids = redis.call('ZREVRANGE', KEYS[1], from, from + ${STRIDE - 1})
local bytes, stop = 0, nil
for start = 1, #ids, 50 do
  if bytes > ${MAX_BYTES} then
    stop = start - 1
    break
  end
  for _, text in ipairs(redis.call('HMGET', KEYS[2], unpack(ids, start, math.min(#ids, start + 49)))) do
    looked = looked + 1
    if text then
      bytes = bytes + #text
      local pattern = string.match(text, '^{"type":"completed","id":"[^"\\\\]*","pattern":"([^"\\\\]*)"')
      if not pattern then
        local isRead, event = pcall(cjson.decode, text)
        pattern = isRead and type(event) == 'table' and type(event.pattern) == 'string' and event.pattern or ''
      end
      pass(text, pattern, string.match(text, '"finishedOn":(%d+)') or '', 0)
    end
  end
end
return { stop and from + stop or (#ids < ${STRIDE} and -1 or from + #ids), '', '', looked, flat(), texts, 0, {} }
`,
  'reads',
);
