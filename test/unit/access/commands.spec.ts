import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as use from '../../../lib/access/commands.js';
import { ACL_ROLES } from '../../../lib/access/roles.js';
import { aclRules } from '../../../lib/access/acl-rules.js';
import { createKeys, type LayoutName } from '../../../lib/protocol/keys.js';
import { createQueueKeys } from '../../../lib/queue/model/queue-keys.js';
import { groupKeys } from '../../../lib/streams/group/group-keys.js';

const registry = [...use.PRESENCE, ...use.NODES, ...use.DIRECTORY, ...use.REGISTRY_READ];
const streams = [...use.STREAM_PUBLISH, ...use.STREAM_READ, ...use.STREAM_CONSUME, ...use.STREAM_REPLAY];

/** Which commands the users of each part of the library have, beside those of every user. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  // Who reads the logs of others may read all there is; who may not ask who it is, is not told.
  'lib/registry/': [...registry, ...use.UPKEEP, ...use.LOGS_KEEP, 'lrange', 'lindex', 'acl|whoami'],
  'lib/config/': [...use.CONFIG_READ, ...use.CONFIG_WRITE],
  'lib/queue/producer/': use.QUEUE_ADD,
  'lib/queue/scripts/producer-scripts': use.QUEUE_ADD,
  'lib/queue/scripts/schedule-scripts': use.QUEUE_ADD,
  'lib/queue/': [...use.QUEUE_ADD, ...use.QUEUE_WORK],
  'lib/streams/': streams,
  'lib/logging/': [...use.LOGS_WRITE, ...use.LOGS_LEVEL],
  'lib/transport/': [],
  'lib/redis/': [...use.DIAGNOSE, ...use.READ_ALL],
};
const EVERYBODYS = [
  // Its subcommand is a variable in a script.
  'pubsub',
  ...[...use.CONNECT, ...use.CONNECT_CLUSTER, ...use.SCRIPTS, ...use.READING_SCRIPTS],
  ...[...use.SUBSCRIBE, ...use.SUBSCRIBE_SHARDED, ...use.PUBLISH, ...use.PUBLISH_SHARDED],
];

function filesAt(beginning: string): string[] {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).map((file) => join('lib', file));
  return files.filter((file) => file.endsWith('.ts') && file.startsWith(beginning));
}

const SUBCOMMANDS = new Set(['xgroup', 'xinfo', 'pubsub', 'client', 'config', 'acl', 'cluster', 'memory']);

/** Commands of scripts: `redis.call('XINFO', 'GROUPS', …)` and whatever a script asks for. */
function commandsOfLua(text: string): string[] {
  const calls = text.matchAll(/(?:redis\.p?call|\bneed|acl_check_cmd)\(\s*'([A-Z]+)'(?:,\s*'([A-Z]+)')?/g);
  return [...calls].map(([, command = '', sub = '']) => nameOf(command, sub));
}

/** Commands of the driver: `redis.hset(…)`, also on a line of its own. */
function commandsOfDriver(text: string): string[] {
  const calls = text.matchAll(/\b(?:redis|client|commands)\s*\.([a-z]+)\(\s*(?:'([A-Z]+)')?/g);
  return [...calls]
    .filter(([, method = '']) => KNOWN_COMMANDS.has(method))
    .map(([, method = '', sub = '']) => nameOf(method, sub));
}

const nameOf = (command: string, sub: string) =>
  SUBCOMMANDS.has(command.toLowerCase()) && sub !== ''
    ? `${command}|${sub}`.toLowerCase()
    : command.toLowerCase();

/** The names of Redis's commands, as the driver has them. */
const KNOWN_COMMANDS = new Set(
  Object.keys(
    JSON.parse(readFileSync('node_modules/@ioredis/commands/built/commands.json', 'utf8')) as object,
  ),
);
for (const ours of ['subscribe', 'unsubscribe', 'monitor', 'quit']) KNOWN_COMMANDS.delete(ours);

describe('the commands in the rights of each role', () => {
  it.each(Object.entries(PARTS))('are all that %s uses', (place, allowed) => {
    const files = filesAt(place);
    expect(files).not.toHaveLength(0);
    const known = new Set([...allowed, ...EVERYBODYS]);
    const missing = files.flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const found = [...commandsOfLua(text), ...commandsOfDriver(text)];
      return found.filter((command) => !known.has(command)).map((command) => `${file}: ${command}`);
    });
    expect([...new Set(missing)]).toEqual([]);
  });

  it('are of scripts that only read where they say so', () => {
    const readers = filesAt('lib/').flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      return [...text.matchAll(/new Script<[^;]*?'([\w.]+)',\s*\d+,\s*`([^;]*?)`,\s*'reads',\s*\)/gs)];
    });
    expect(readers.length).toBeGreaterThan(5);
    const writing =
      /redis\.p?call\(\s*'(?:SET|DEL|H(?:SET|DEL|SETNX)|Z(?:ADD|REM)|[LR](?:PUSH|POP|REM|TRIM)|S(?:ADD|REM)|INCR|P?EXPIRE|PERSIST|PUBLISH|X(?:ADD|ACK|DEL|CLAIM|GROUP|TRIM))/;
    expect(readers.filter(([, , lua = '']) => writing.test(lua)).map(([, name]) => name)).toEqual([]);
  });
});

describe.each<LayoutName>(['classic', 'hash-tags'])('the keys and channels in the rights, %s', (layout) => {
  const keys = createKeys({ layout });
  const rules = aclRules('orders', {
    roles: ACL_ROLES,
    calls: ['orders'],
    consumes: ['audit'],
    streams: ['audit'],
    layout,
  });
  const patterns = rules
    .join(' ')
    .match(/(?:~|&)[^\s)]+/g)!
    .map((word) => globOf(word.slice(1)));

  it('are all that the library has names for', () => {
    const names = [
      ...namesOf(keys, ['orders', 'id']),
      ...namesOf(createQueueKeys(keys, 'orders'), ['owner']),
      ...namesOf(createQueueKeys(keys, 'orders', 'slow'), ['owner']),
      ...Object.values(groupKeys(keys, { stream: 'audit', group: 'orders', consumer: 'id' })),
      keys.stream('audit'),
    ];
    expect(names.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
  });
});

function namesOf(keys: object, words: readonly string[]): string[] {
  return Object.entries(keys)
    .filter(([name]) => !['own', 'ownStream', 'stream'].includes(name))
    .map(([, value]) =>
      typeof value === 'string' ? value : (value as (...places: readonly string[]) => string)(...words),
    );
}

function globOf(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/[.{}|?]/g, String.raw`\$&`).replaceAll('*', '.*')}$`);
}
