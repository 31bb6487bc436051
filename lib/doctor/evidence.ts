import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';

import type { HydraInstance } from '../hydra-instance.js';
import { allowedCommands, type CommandWords } from '../redis/allowed.js';
import { linkFacts } from '../redis/link-facts.js';
import { fieldsOf } from '../redis/server-facts.js';
import { servicesOfOtherLayout } from '../registry/other-layout.js';
import type { Asked } from './asked.js';
import type { Evidence, Facts } from './finding.js';
import { seeServices } from './services-seen.js';

const SETTINGS = ['appendfsync', 'client-output-buffer-limit'] as const;
const PINGS = 5;
const SLOW_LOOKED_FOR = 32;
const RECENT_S = 600;
const MICROS = 1_000;

/** A part of the facts, or why it could not be had. */
type Part<Name extends keyof Facts> = Evidence[Name];

/** For whom rights are asked; undefined where this process is no service. */
type Whose = string | undefined;

/** Why nothing is known of what needs a connection. */
const AWAY = { why: 'there is no connection to Redis' };

/** What is known without Redis. */
export function withoutRedis(instance: HydraInstance, isRefused: boolean): Evidence {
  const { redis } = instance;
  const connection = { value: { reason: redis.reason ?? 'it does not answer', isRefused } };
  return {
    ...{ link: AWAY, info: AWAY, settings: AWAY, cluster: AWAY, clients: AWAY, patterns: AWAY, slow: AWAY },
    ...{ rights: AWAY, otherLayout: AWAY, clock: AWAY, instances: AWAY, services: AWAY, nodes: AWAY },
    process: { value: processFacts(instance) },
    connection,
  };
}

/** Reads everything that is looked at. Never rejects: what cannot be read says why. */
export async function gatherEvidence(instance: HydraInstance, asked: Asked, whose: Whose): Promise<Evidence> {
  const { redis, keys, options } = instance;
  const seen = seeServices(instance, asked);
  // Nobody waits for it until the rest is known; what it rejects with is told then.
  seen.catch(() => undefined);
  const [info, settings, cluster, clients, patterns, slow, rights] = await Promise.all([
    known('info', async () => fieldsOf(await asked.one('INFO', (client) => client.info()))),
    known('settings', () => settingsOf(asked)),
    'cluster' in Object(options.redis)
      ? known('cluster', async () =>
          fieldsOf(await asked.one('CLUSTER INFO', (client) => client.cluster('INFO'))),
        )
      : { value: {} },
    known('clients', async () => ({
      monitors: monitorsIn(String(await asked.one('CLIENT LIST', (client) => client.client('LIST')))),
    })),
    known('patterns', async () =>
      Number(await asked.one('PUBSUB NUMPAT', (client) => client.pubsub('NUMPAT'))),
    ),
    known('slow', () => slowCommands(asked)),
    whose === undefined
      ? { why: 'this process is no service: say which one: npx nestjs-hydra doctor <service>' }
      : known('rights', () => rightsOf(instance, asked, whose)),
  ]);
  const [otherLayout, clock, instances, services, nodes] = await Promise.all([
    known('otherLayout', () =>
      asked.some(2, 'look for the other layout', () => servicesOfOtherLayout(instance)),
    ),
    known('clock', () => clockOf(instance, asked)),
    known('instances', async () => (await seen).instances),
    known('services', async () => (await seen).services),
    redis.isSharded
      ? { why: 'Hydra 1.x is not in this layout of keys' }
      : known('nodes', () => asked.one('HLEN nodes', (client) => client.hlen(keys.nodes))),
  ]);
  const connection = { value: { reason: undefined, isRefused: false } };
  // Last and alone, so that it does not wait for large answers.
  const link = await known('link', async () => ({
    ...linkFacts(redis.commands, instance.clock.now()),
    roundTripMs: await roundTrip(instance, asked),
  }));
  return {
    ...{ connection, link, info, settings, cluster, clients, patterns, slow, rights },
    ...{ otherLayout, clock, instances, services, nodes, process: { value: processFacts(instance) } },
  };
}

async function known<Name extends keyof Facts>(
  _name: Name,
  read: () => Promise<Facts[Name]>,
): Promise<Part<Name>> {
  try {
    return { value: await read() } as Part<Name>;
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) } as Part<Name>;
  }
}

/** The shortest of a few, in milliseconds: this process may be busy with something else. */
async function roundTrip({ clock }: HydraInstance, asked: Asked): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < PINGS; n++) {
    const startedAt = clock.monotonic();
    await asked.one('PING', (client) => client.ping());
    took.push(clock.monotonic() - startedAt);
  }
  return Math.min(...took);
}

async function settingsOf(asked: Asked): Promise<Facts['settings']> {
  const found = await Promise.all(
    SETTINGS.map((name) =>
      asked.one(
        `CONFIG GET ${name}`,
        async (client) => (await client.config('GET', name)) as [string?, string?],
      ),
    ),
  );
  return Object.fromEntries(found.map(([name = '', value = '']) => [name, value]));
}

/** Connections whose flags have an O. Nothing else of the list is kept: it names users and addresses. */
function monitorsIn(list: string): number {
  return list.split('\n').filter((line) => /\bflags=\w*O/.test(line)).length;
}

/** Of the last ten minutes. Of each its name alone: its arguments may be secret. */
async function slowCommands(asked: Asked): Promise<Facts['slow']> {
  const [entries, time] = await Promise.all([
    asked.one('SLOWLOG GET', async (client) => (await client.slowlog('GET', SLOW_LOOKED_FOR)) as SlowEntry[]),
    asked.one('TIME', (client) => client.time()),
  ]);
  return entries
    .filter(([, at]) => Number(time[0]) - at < RECENT_S)
    .map(([, , micros, [command = '?']]) => ({ ms: micros / MICROS, command: command.toUpperCase() }));
}

type SlowEntry = readonly [id: number, at: number, micros: number, words: readonly string[]];

async function clockOf({ clock }: HydraInstance, asked: Asked): Promise<Facts['clock']> {
  const before = clock.now();
  const [seconds, micros] = await asked.one('TIME', (client) => client.time());
  const redisMs = Number(seconds) * 1_000 + Number(micros) / MICROS;
  return { redisMs, aheadMs: (before + clock.now()) / 2 - redisMs };
}

async function rightsOf(
  { keys, id }: HydraInstance,
  asked: Asked,
  service: string,
): Promise<Facts['rights']> {
  const own = keys.presence(service, id);
  const wanted: readonly CommandWords[] = [
    ['SET', own, '1', 'PX', '1'],
    ['SET', keys.health(service, id), '1'],
    ['EVALSHA', 'a', '4', own, keys.beats(service), keys.instances(service), keys.epoch(service)],
    ['HSET', keys.instances(service), id, '1'],
    ['ZADD', keys.beats(service), '1', id],
    ['SADD', keys.directory, service],
    ['PUBLISH', keys.announcements(service), '1'],
    ['SUBSCRIBE', keys.serviceChannel(service)],
    ['SUBSCRIBE', keys.instanceChannel(service, id)],
    ['SUBSCRIBE', keys.replyChannel(service, id)],
  ];
  const [user, may] = await Promise.all([
    asked.one('ACL WHOAMI', (client) => client.acl('WHOAMI')).catch(() => 'of this process'),
    asked.some(2, 'ask for rights', (client) => allowedCommands(client, wanted)),
  ]);
  const missing = wanted.filter((_, index) => !may[index]);
  return { user, missing: missing.map(([name, key]) => `${name} ${(key ?? '').replace(id, '<id>')}`) };
}

function processFacts({ options, redis }: HydraInstance): Facts['process'] {
  const { used_heap_size: heapUsed, heap_size_limit: heapLimit } = getHeapStatistics();
  const { problem, warning } = redis.refusals.findings;
  return {
    nodeVersion: process.version,
    ...{ heapUsed, heapLimit, maxFiles: fileLimit(), maxPayloadBytes: options.maxPayloadBytes },
    refused: [problem, warning].filter((text) => text !== undefined),
  };
}

/** Linux says it; elsewhere it is not known. */
function fileLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
