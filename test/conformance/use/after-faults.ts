import { Redis } from 'ioredis';

import { surveyConfigs, lookAtConfigs } from '../../../lib/config/documents/config-scripts.js';
import { giveBack as giveBackLeases, writeState } from '../../../lib/queue/scripts/lease-scripts.js';
import {
  addMany,
  forgetFields,
  giveBack as giveBackJob,
} from '../../../lib/queue/scripts/producer-scripts.js';
import { forgetOld } from '../../../lib/queue/scripts/retention-scripts.js';
import { endTicks, lookAtSchedules } from '../../../lib/queue/scripts/schedule-scripts.js';
import type { Script } from '../../../lib/redis/script.js';
import { hold } from '../../../lib/registry/lease.js';
import { newLogLines } from '../../../lib/registry/log-scripts.js';
import { prune, putRoutesBack, replaceRoutes, sweep } from '../../../lib/registry/registry-scripts.js';
import { recoverUndelivered } from '../../../lib/streams/scripts/consumer-scripts.js';
import { beginAttempt, deadLetter, findLost } from '../../../lib/streams/scripts/outcome-scripts.js';

const KEPT_MS = 86_400_000;
const JOB =
  '{"to":"a:/","frm":"b:/","mid":"1","ts":"2026-01-01T00:00:00.000Z","typ":"job","ver":"UMF/1.4.6","bdy":1}';
const FIRST_ENTRY = '1764000000000-0';

type Commands = readonly (readonly [name: string, ...args: (string | number)[]])[];

/** What a script finds, and what it is given: its keys first. */
interface Prepared {
  readonly script: Script<unknown>;
  readonly finds: Commands;
  readonly args: readonly (string | number)[];
  readonly keys?: number;
}

const config = ['rest:configs', 'rest:revisions', 'rest:counter', 'rest:history', 'rest:limit'];
const group = ['rest:stream', 'rest:order', 'group', 'consumer'];
const readFrom = (key: string): Commands => [
  ['xadd', key, FIRST_ENTRY, 'data', '1'],
  ['xgroup', 'create', key, 'group', '0'],
  ['xreadgroup', 'group', 'group', 'consumer', 'streams', key, '>'],
];

/** The scripts that an application runs after a fault, after minutes, or beside Hydra 1.x. */
const REST: readonly Prepared[] = [
  {
    script: lookAtConfigs,
    finds: [['hset', 'rest:configs', '1.0.0', '{"a":1}']],
    args: [...config, 'rest:channel', 10, 1_000_000],
  },
  { script: surveyConfigs, finds: [], args: [...config, 'rest:survey', 'rest:channel', 10, 1_000_000, 0] },
  {
    script: giveBackLeases,
    finds: [['hset', 'rest:leases', '5:a', JOB]],
    args: ['rest:leases', 'rest:high', 'rest:returned', '5:a', '6:a'],
  },
  {
    script: writeState,
    finds: [['hset', 'rest:leases', '7:a', JOB]],
    args: ['rest:leases', 'rest:state', '7:a', JOB, '{"attempts":1}'],
  },
  { script: addMany, finds: [], args: ['rest:waiting', 'rest:idle', 'rest:wake:', 1, 'job', JOB, `${JOB} `] },
  {
    script: lookAtSchedules,
    finds: [['hset', 'rest:schedules', '', 'mark', 'daily', '{}']],
    args: ['rest:schedules'],
  },
  {
    script: forgetFields,
    finds: [['hset', 'rest:fields', 'a', '1', 'b', '2']],
    args: ['rest:fields', 'rest:delayed', 'a', '1', 'b', 'another'],
  },
  {
    script: giveBackJob,
    finds: [['rpush', 'rest:inprogress', 'other', JOB]],
    args: ['rest:inprogress', 'rest:waiting', JOB, 1, 2],
  },
  {
    script: forgetOld,
    finds: [
      ['hset', 'rest:results', 'old', '{}', 'new', '{}'],
      ['zadd', 'rest:finished', 1, 'old', 1_764_000_000_000, 'new'],
      ['zadd', 'rest:ids', 2, 'free'],
      ['rpush', 'rest:dead', '{"hydraDead":{"diedOn":"2020-01-01T00:00:00.000Z"}}', 'undated'],
    ],
    args: [
      ...['rest:results', 'rest:finished', 'rest:died', 'rest:dead', 'rest:ids'],
      ...[KEPT_MS, KEPT_MS, '2024-01-01T00:00:00.000Z', 100, 0, 1_000, 1_000],
    ],
  },
  {
    script: endTicks,
    finds: [
      ['zadd', 'rest:ids', -1_764_000_000_000, 'tick'],
      ['hset', 'rest:hints', 'tick', '1764000000000 1764000000000 500'],
    ],
    args: ['rest:ids', 'rest:hints', 'tick', '-1764000000000', 'ended', '5'],
  },
  {
    script: newLogLines,
    finds: [['rpush', 'rest:log', 'newest', 'newer', 'old']],
    args: ['rest:log', 10, 'old'],
    keys: 1,
  },
  { script: prune, finds: [['hset', 'rest:nodes', 'a', '{}']], args: ['rest:presence', 'rest:nodes', 'a'] },
  {
    script: replaceRoutes,
    finds: [
      ['sadd', 'rest:routes', '[get]/old', '[get]/foreign'],
      ['sadd', 'rest:own-routes', '[get]/old'],
    ],
    args: ['rest:routes', 'rest:own-routes', 'rest:router', '{}', '[get]/new', '[post]/new'],
  },
  {
    script: putRoutesBack,
    finds: [['srem', 'rest:routes', '[get]/new']],
    args: ['rest:routes', 'rest:own-routes', 'rest:router', '{}'],
  },
  { script: beginAttempt, finds: readFrom('rest:stream'), args: [...group, FIRST_ENTRY, 2] },
  {
    script: deadLetter,
    finds: readFrom('rest:poisoned'),
    args: [
      ...['rest:poisoned', 'rest:poisoned-order', 'rest:poisoned-dead', 'group', 'consumer', FIRST_ENTRY, ''],
      ...[10, KEPT_MS, 'data', '1'],
    ],
  },
  {
    script: sweep,
    finds: [
      ['zadd', 'rest:beats', 1, 'dead'],
      ['hset', 'rest:instances', 'dead', '{}'],
    ],
    args: [
      ...['rest:beats', 'rest:instances', 'rest:epoch', 'rest:reprieve', 'rest:announcements'],
      ...['rest:presence:', ':end', 'rest:instance:', 0],
    ],
  },
  { script: hold, finds: [], args: ['rest:lease', 'holder', KEPT_MS] },
  { script: findLost, finds: [], args: [...group, FIRST_ENTRY, '1764000000001-0'] },
  { script: recoverUndelivered, finds: [], args: [...group, FIRST_ENTRY, '1764000000001-0'] },
];

/** Runs scripts that no healthy application runs within seconds. */
export async function runTheRest(url: string): Promise<void> {
  const redis = new Redis(url);
  for (const { script, finds, args, keys } of REST) {
    for (const [name, ...words] of finds) await redis.call(name, ...words);
    await script.run(redis, args, keys);
  }
  redis.disconnect();
}
