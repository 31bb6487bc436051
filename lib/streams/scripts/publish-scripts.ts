import { Script } from '../../redis/script.js';

/**
 * Store an entry once for its publisher's id.
 *
 * KEYS  1 stream   2 the id's mark
 * ARGV  1 life of the mark in ms   2 how long the stream may get, approximately; 0 for any length   then the fields
 * Returns the id of the entry: that of the first one, if there was one.
 *
 * One script, because a crash between the mark and the entry would keep the event out permanently.
 */
export const publishOnce = new Script<string>(
  'streams.publishOnce',
  2,
  `
local known = redis.call('GET', KEYS[2])
if known then return known end
-- Writes nothing: a mark that may not be set must show before the entry is stored.
redis.call('SET', KEYS[2], '', 'XX')
local id
if ARGV[2] == '0' then
  id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
else
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 3))
end
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return id
`,
);
