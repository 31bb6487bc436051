import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

const PROGRAM = fileURLToPath(new URL('./published.process.ts', import.meta.url));
const DEEP = 100_000;

const event = { type: 'completed', id: 'x', pattern: 'echo', attempt: 1, finishedOn: 1, tookMs: 1 };
const TEXTS: readonly (string | Buffer)[] = [
  ...[
    '1',
    'null',
    'true',
    '[]',
    '{}',
    '"x"',
    '',
    ' ',
    'x',
    '[1]',
    '[null]',
    '[[]]',
    '[{}]',
    '{"a":1}',
    '-',
    '1e999',
  ],
  ...[
    '{"__proto__":{"x":1}}',
    '["h1"]',
    '["h2"]',
    '["h1","x@y:/",[1,1]]',
    '["h2","x@y:/",1,[1,1],1]',
    '9 join {}',
  ],
  ...[
    'removed ',
    '1 leave',
    '9007199254740993 change null',
    '{"to":1,"frm":{},"bdy":[]}',
    '[{"type":"completed"}]',
  ],
  ...[event, { ...event, id: 1 }, { ...event, isLarge: 1 }, { type: 'removed', id: [] }].map((one) =>
    JSON.stringify([one]),
  ),
  JSON.stringify(event),
  '['.repeat(DEEP) + ']'.repeat(DEEP),
  `[{"type":"progress","id":"x","pattern":"x","value":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}]`,
  'x'.repeat(4_000_000),
  `[${'0,'.repeat(500_000)}0]`,
  Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256)),
  Buffer.from([0xff, 0xfe, 0, 0xd8, 0, 0]),
];

describe('whatever strangers publish', () => {
  it('a process that listens to every channel lives on, and serves', async () => {
    const redis = await startPrivateRedis();
    const stranger = new Redis(redis.url);
    const child = startChild(PROGRAM, { env: { REDIS_URL: redis.url, SERVICE: 'listening' } });
    await child.ready;
    const channels = (await stranger.pubsub('CHANNELS', '*')) as string[];
    // Two of each instance and the service, the registry's, the configurations', the queue's.
    for (const part of [':mc:', ':events', ':wake', 'config']) {
      expect(channels.filter((channel) => channel.includes(part))).not.toEqual([]);
    }
    for (const channel of channels) {
      for (const text of TEXTS) await stranger.publish(channel, text);
      child.send({ after: channel });
      const isBack = () =>
        child.lines.find((line) => JSON.stringify(line['answer'])?.includes(`"${channel}"`));
      const answer = await eventually(isBack, { what: `an answer after ${channel}`, timeoutMs: 30_000 });
      expect(answer).toMatchObject({ call: 'call', job: 'job' });
    }
    const last = child.lines.at(-1)!;
    expect(Number(last['told'])).toBeGreaterThan(channels.length);
    await eventually(
      () => {
        child.send({ after: 'all' });
        return Number(child.lines.at(-1)?.['entries']) >= channels.length;
      },
      { what: 'the entries' },
    );
    expect(child.output()).not.toMatch(/TypeError|RangeError|Unhandled/);
    await child.kill();
    stranger.disconnect();
    await redis.stop();
  }, 120_000);
});
