import type { HydraInstance } from '../../hydra-instance.js';
import { isClusterLocation } from '../../redis/connection/driver.js';
import { linkFacts } from '../../redis/link-facts.js';
import { primariesOf } from '../../redis/primaries.js';
import { fieldsOf } from '../../redis/faults/server-facts.js';
import { missingRights } from '../../registry/needed-rights.js';
import { servicesOfOtherLayout } from '../../registry/other-layout.js';
import type { Asked } from './asked.js';
import type { Evidence, Facts, Known, SeenServer } from './facts.js';
import { onlySome } from './keys-seen.js';
import { processFacts } from './process-facts.js';
import { known } from './known.js';
import { askInfo, seeServers, type AskedServer } from './servers-seen.js';
import { seeServices } from './services-seen.js';

const PINGS = 5;
const MICROS = 1_000;
/** Where there are more primaries, each of them takes commands that the others then lack. */
const MAX_PRIMARIES = 8;

/** Why nothing is known of what needs a connection. */
const AWAY = { why: 'there is no connection to Redis' };

/** Whose connections are looked at, and looked by. */
export type Examined = Pick<HydraInstance, 'redis' | 'keys' | 'clock' | 'options' | 'id'>;

/** All that is known, and what each server says of itself. */
export interface Gathered {
  readonly evidence: Evidence;
  readonly servers: readonly SeenServer[];
}

/** What is known without Redis. */
export function withoutRedis(instance: Examined, isRefused: boolean): Gathered {
  const connection = { reason: instance.redis.reason ?? 'it does not answer', isRefused };
  const evidence = {
    ...{ link: AWAY, info: AWAY, settings: AWAY, clients: AWAY, patterns: AWAY, slow: AWAY },
    ...{ silent: AWAY, cluster: AWAY, rights: AWAY, otherLayout: AWAY, clock: AWAY, nodes: AWAY },
    ...{ services: AWAY, instances: AWAY, health: AWAY, configurations: AWAY },
    ...{ queues: AWAY, streams: AWAY, groups: AWAY },
    process: { value: processFacts(instance) },
    connection: { value: connection },
  };
  return { evidence, servers: [] };
}

/**
 * Reads everything that is looked at. Never rejects: what cannot be read says why.
 *
 * @param whose for whom rights are asked; undefined where this process is no service
 */
export async function gatherEvidence(
  instance: Examined,
  asked: Asked,
  whose: string | undefined,
): Promise<Gathered> {
  const { redis } = instance;
  const all = primariesOf(redis.commands);
  // A Cluster whose nodes are just being looked up.
  if (all.length === 0) return withoutRedis(instance, false);
  const primaries = all.slice(0, MAX_PRIMARIES);
  const [infos, ofServices, ofPlace] = await Promise.all([
    Promise.all(primaries.map((primary) => askInfo(asked, primary))),
    seeServices(instance, asked, primaries, all.length - primaries.length),
    lookAround(instance, asked, whose),
  ]);
  const leftOut = all.length - primaries.length;
  const servers = await seeServers(asked, infos, { reserve: PINGS, leftOut });
  // Last and alone, so that it does not wait for large answers.
  const link = await known(async () => ({
    ...linkFacts(redis.commands, instance.clock.now()),
    roundTripMs: await roundTrip(instance, asked),
  }));
  const [first] = servers;
  const evidence: Evidence = {
    ...{ ...first!.evidence, ...ofServices, ...ofPlace, link },
    silent: silentOf(infos, leftOut),
    connection: { value: { reason: undefined, isRefused: false } },
    process: { value: processFacts(instance) },
  };
  return { evidence, servers };
}

/** What needs one server. */
async function lookAround(
  instance: Examined,
  asked: Asked,
  whose: string | undefined,
): Promise<Pick<Evidence, 'cluster' | 'rights' | 'otherLayout' | 'clock' | 'nodes'>> {
  const { redis, keys, options } = instance;
  const { commands } = redis;
  const isCluster = isClusterLocation(options.redis);
  const noService = 'this process is no service: say which one: npx nestjs-hydra doctor <service>';
  const [cluster, rights, otherLayout, clock, nodes] = await Promise.all([
    isCluster
      ? known(async () => fieldsOf(await asked.ask('CLUSTER INFO', () => commands.cluster('INFO'))))
      : { value: {} },
    whose === undefined
      ? { why: noService }
      : known(() => asked.ask('ask for rights', () => missingRights(instance, commands, whose), 3)),
    known(() => asked.ask('look for the other layout', () => servicesOfOtherLayout(instance), 3)),
    known(() => clockOf(instance, asked)),
    redis.isSharded
      ? { why: 'Hydra 1.x is not in this layout of keys' }
      : known(() => asked.ask('HLEN nodes', () => commands.hlen(keys.nodes))),
  ]);
  return { cluster, rights, otherLayout, clock, nodes };
}

/** Primaries that do not answer; those past the limit were not asked. */
function silentOf(infos: readonly AskedServer[], leftOut: number): Known<Facts['silent']> {
  const value = infos.flatMap(({ primary, info }) =>
    'why' in info && /no answer|closed|connect/i.test(info.why) ? [primary.name ?? 'Redis'] : [],
  );
  return { value, ...(leftOut > 0 && { partly: [onlySome(infos.length, leftOut)] }) };
}

/** The shortest of a few, in milliseconds: this process may be busy with something else. */
async function roundTrip({ clock, redis }: Examined, asked: Asked): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < PINGS; n++) {
    const startedAt = clock.monotonic();
    await asked.ask('PING', () => redis.commands.ping());
    took.push(clock.monotonic() - startedAt);
  }
  return Math.min(...took);
}

async function clockOf({ clock, redis }: Examined, asked: Asked): Promise<Facts['clock']> {
  const before = clock.now();
  const [seconds, micros] = await asked.ask('TIME', () => redis.commands.time());
  const redisMs = Number(seconds) * 1_000 + Number(micros) / MICROS;
  return { redisMs, aheadMs: (before + clock.now()) / 2 - redisMs };
}
