import * as cancel from '../../../../lib/queue/scripts/cancel-scripts.js';
import * as change from '../../../../lib/queue/scripts/change-scripts.js';
import * as event from '../../../../lib/queue/scripts/event-scripts.js';
import * as exchange from '../../../../lib/queue/scripts/exchange-scripts.js';
import * as lease from '../../../../lib/queue/scripts/lease-scripts.js';
import * as locate from '../../../../lib/queue/scripts/locate-scripts.js';
import * as note from '../../../../lib/queue/scripts/note-scripts.js';
import * as producer from '../../../../lib/queue/scripts/producer-scripts.js';
import * as purge from '../../../../lib/queue/scripts/purge-scripts.js';
import * as retention from '../../../../lib/queue/scripts/retention-scripts.js';
import * as schedule from '../../../../lib/queue/scripts/schedule-scripts.js';
import { Script } from '../../../../lib/redis/script.js';
import { unaskedRights, writesBeforeItAsks, type ScriptText } from '../../../support/script-rights.js';

const files = { cancel, change, event, exchange, lease, locate, note, producer, purge, retention, schedule };
const scripts = Object.entries(files).flatMap(([file, exported]) =>
  Object.entries(exported)
    .filter(([, value]) => value instanceof Script)
    .map(([name, script]) => [`${file}: ${name}`, script as unknown as ScriptText] as const),
);

describe('a script of a queue, which Redis does not roll back,', () => {
  it.each(scripts)('asks for every right that it uses: %s', (_name, script) => {
    expect(unaskedRights(script)).toEqual([]);
  });

  it.each(scripts)('asks before it writes: %s', (_name, script) => {
    expect(writesBeforeItAsks(script)).toBe(false);
  });
});

describe('the rule of rights', () => {
  it('finds commands and keys that were not asked for', () => {
    const lua = `need('HDEL', KEYS[1], 'a')\nredis.call('HDEL', KEYS[1], 'a') redis.call('LPUSH', KEYS[2], 'a')`;
    expect(unaskedRights({ lua })).toEqual(['LPUSH', 'write KEYS[2]']);
  });

  it('lets a script alone that only reads', () => {
    expect(unaskedRights({ lua: `return redis.call('LLEN', KEYS[1])` })).toEqual([]);
  });

  it('asks nothing of what is only tried, and finds that too before a question', () => {
    const tried = `\nneed('HDEL', KEYS[1], 'a')\nredis.call('HDEL', KEYS[1], 'a') redis.pcall('XADD', KEYS[2], '*', 'a', 'b')`;
    expect(unaskedRights({ lua: tried })).toEqual([]);
    const early = `\nredis.pcall('XADD', KEYS[2], '*', 'a', 'b')\nneed('HDEL', KEYS[1], 'a')\nredis.call('HDEL', KEYS[1], 'a')`;
    expect(writesBeforeItAsks({ lua: early })).toBe(true);
  });

  it('finds a write before a question, and none in a function', () => {
    const early = `redis.call('HDEL', KEYS[1], 'a')\nneed('LPUSH', KEYS[2], 'a')`;
    expect(writesBeforeItAsks({ lua: early })).toBe(true);
    const later = `\nlocal function drop()\n  redis.call('HDEL', KEYS[1], 'a')\nend\nneed('HDEL', KEYS[1], 'a') drop()`;
    expect(writesBeforeItAsks({ lua: later })).toBe(false);
  });
});
