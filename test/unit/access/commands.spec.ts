import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as use from '../../../lib/access/commands.js';
import { ACL_ROLES } from '../../../lib/access/roles.js';
import { aclRules } from '../../../lib/access/acl-rules.js';
import { createKeys, type LayoutName } from '../../../lib/protocol/keys.js';
import { createQueueKeys } from '../../../lib/queue/model/queue-keys.js';
import { groupKeys } from '../../../lib/streams/group/group-keys.js';
import { commandsIn, sentCommands, unnamedCommands } from '../../support/sent-commands.js';

const registry = [...use.PRESENCE, ...use.NODES, ...use.DIRECTORY, ...use.REGISTRY_READ];
const streams = [...use.STREAM_PUBLISH, ...use.STREAM_READ, ...use.STREAM_CONSUME, ...use.STREAM_REPLAY];

/** Which commands the users of each part of the library have, beside those of every user. The longest beginning counts. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  // Whatever is named nowhere below may send what every user may.
  'lib/': [],
  // Who reads the logs of others may read all there is; who may not ask who it is, is not told.
  'lib/registry/': [...registry, ...use.UPKEEP, ...use.LOGS_KEEP, 'lrange', 'lindex', 'acl|whoami'],
  'lib/config/': [...use.CONFIG_READ, ...use.CONFIG_WRITE, ...use.CONFIG_OWN],
  'lib/queue/': [...use.QUEUE_ADD, ...use.QUEUE_WORK],
  'lib/queue/producer/': use.QUEUE_ADD,
  'lib/queue/watching/': use.QUEUE_ADD,
  'lib/queue/scripts/producer-scripts': use.QUEUE_ADD,
  'lib/queue/scripts/schedule-scripts': use.QUEUE_ADD,
  'lib/streams/': streams,
  'lib/logging/': [...use.LOGS_WRITE, ...use.LOGS_LEVEL],
  'lib/doctor/': [...use.READ_ALL, ...use.DIAGNOSE],
  'lib/dashboard/': use.SHOW,
  'lib/cli/': use.READ_ALL,
  // Words of the command line that write: their users get what the part that they change has.
  'lib/cli/commands/forget-command': [...use.QUEUE_ADD, ...use.DIRECTORY],
  'lib/cli/commands/log-commands': [...use.READ_ALL, ...use.PRESENCE],
  // Finding all keys is for whoever may ask the server itself.
  'lib/redis/scan': [...use.READ_ALL, ...use.DIAGNOSE],
};
const EVERYBODYS = [
  // Its subcommand is a variable in a script.
  'pubsub',
  ...[...use.CONNECT, ...use.CONNECT_CLUSTER, ...use.SCRIPTS, ...use.READING_SCRIPTS],
  ...[...use.SUBSCRIBE, ...use.SUBSCRIBE_SHARDED, ...use.PUBLISH, ...use.PUBLISH_SHARDED],
];

/** Which part of the library sends what each list holds. */
const LISTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'lib/': Object.values(use),
  'lib/registry/': [registry, use.UPKEEP, use.LOGS_KEEP],
  'lib/config/': [use.CONFIG_READ, use.CONFIG_WRITE, use.CONFIG_OWN],
  'lib/queue/': [use.QUEUE_ADD, use.QUEUE_WORK],
  'lib/streams/': [streams],
  'lib/logging/': [use.LOGS_WRITE, use.LOGS_LEVEL],
};
/** What the driver sends of itself. */
const THE_DRIVERS = [
  ...['asking', 'readonly', 'readwrite', 'cluster|slots', 'cluster|info'],
  ...['client|setinfo', 'client|setname', 'select'],
];

const partOf = (file: string) =>
  Object.keys(PARTS)
    .filter((beginning) => file.startsWith(beginning))
    .toSorted((one, other) => other.length - one.length)[0]!;

function filesAt(beginning: string): string[] {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).map((file) => join('lib', file));
  return files.filter((file) => file.endsWith('.ts') && file.startsWith(beginning));
}

describe('the commands in the rights of each role', () => {
  const sent = sentCommands();

  it.each(Object.entries(PARTS))('are all that %s uses', (place, allowed) => {
    const known = new Set([...allowed, ...EVERYBODYS]);
    const own = sent.filter(({ file }) => partOf(file) === place);
    expect(own).not.toHaveLength(0);
    const missing = own.flatMap(({ file, commands }) =>
      commands.filter((command) => !known.has(command)).map((command) => `${file}: ${command}`),
    );
    expect(missing).toEqual([]);
  });

  it('are all that the library sends, whichever folder it is in', () => {
    const rules = aclRules('orders', {
      roles: ACL_ROLES,
      consumes: ['audit'],
      streams: ['audit'],
      server: '7.2',
      layout: 'hash-tags',
    });
    const granted = new Set(rules.join(' ').match(/(?<=\+)[a-z_|]+/g));
    const all = new Set(sent.flatMap(({ commands }) => commands));
    expect(all.size).toBeGreaterThan(100);
    expect([...all].filter((command) => !granted.has(command))).toEqual(['pubsub']);
  });

  it('can be seen in every script: none has a name that only a variable holds', () => {
    expect(unnamedCommands()).toEqual([]);
  });

  it.each(Object.entries(LISTS))('are all sent: %s holds no right that nothing needs', (place, lists) => {
    const own = sent.filter(({ file }) => file.startsWith(place)).flatMap(({ commands }) => commands);
    const needed = new Set([...own, ...THE_DRIVERS]);
    expect([...new Set(lists.flat())].filter((command) => !needed.has(command))).toEqual([]);
  });

  it('are found however they are sent', () => {
    const ways = `
      redis.pcall('ZADD', KEYS[1]) local n = number('LLEN', key) ask('LINDEX', key, 0) list('XINFO', 'GROUPS', key)
      need('HSET', KEYS[2]) may('LPOP') redis.acl_check_cmd('TTL', key)
      client.call('HELLO') new Command('spublish', []) await this.commands
        .hget(key) redis.client('LIST') commands.multi().rpush(key).expire(key).exec() anything.xadd(key)
      local command = { 'XCLAIM', key } redis.call(isSet and 'ZCARD' or 'SCARD', key) map.get(key) asked('name') this.subscribe(channel)`;
    expect(commandsIn(ways)).toEqual(
      [
        ...['zadd', 'llen', 'lindex', 'xinfo|groups', 'hset', 'lpop', 'ttl', 'hello', 'spublish', 'hget'],
        ...['client|list', 'xclaim', 'zcard', 'scard', 'multi', 'rpush', 'expire', 'exec', 'xadd'],
      ].toSorted(),
    );
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
