import { EVICTION, hasAppendOnlyFile, NO_APPEND_ONLY_FILE } from '../../redis/faults/server-faults.js';
import type { Check } from '../finding.js';
import { numberOf } from './numbers.js';

const DAY_S = 86_400;
const MIB = 1024 * 1024;
/** A share of a limit. */
const NEARLY = 0.8;
const ALMOST = 0.95;
const FRAGMENTED = 2;
const FRAGMENTED_FROM_BYTES = 256 * MIB;

/** Memory, files and buffers. */
export const MEMORY_CHECKS: readonly Check[] = [
  { ...EVICTION, category: 'memory', needs: ['info'], find: ({ info }) => EVICTION.find(info) },
  {
    id: 'memory.evicted',
    category: 'memory',
    severity: 'error',
    needs: ['info'],
    why: 'something that a service had stored is gone',
    fix: 'CONFIG SET maxmemory-policy noeviction; then look for what is missing; CONFIG RESETSTAT begins the count again',
    find: ({ info }) => {
      const evicted = numberOf(info, 'evicted_keys');
      return evicted > 0
        ? `Redis has removed ${evicted} keys for lack of memory since it started`
        : undefined;
    },
  },
  {
    id: 'memory.full',
    category: 'memory',
    severity: 'warning',
    needs: ['info'],
    why: 'above maxmemory Redis refuses jobs and entries; from 8.6 on it refuses SUBSCRIBE too, so that no instance starts or comes back',
    fix: 'CONFIG SET maxmemory <more>; trim streams; npx nestjs-hydra queue dead <service> shows what can be removed',
    find: ({ info }) => {
      const [used, most] = [numberOf(info, 'used_memory'), numberOf(info, 'maxmemory')];
      if (!(most > 0) || used < most * NEARLY) return undefined;
      const what = `${Math.round((used / most) * 100)} % of maxmemory are used`;
      return { what, severity: used > most * ALMOST ? 'error' : 'warning' };
    },
  },
  {
    id: 'memory.fragmented',
    category: 'memory',
    severity: 'info',
    needs: ['info'],
    why: 'Redis holds more of the machine than its data need',
    fix: 'CONFIG SET activedefrag yes',
    find: ({ info }) => {
      const ratio = numberOf(info, 'mem_fragmentation_ratio');
      const isLarge = numberOf(info, 'used_memory') > FRAGMENTED_FROM_BYTES;
      return isLarge && ratio > FRAGMENTED ? `the memory of Redis is fragmented ${ratio} times` : undefined;
    },
  },
  {
    ...NO_APPEND_ONLY_FILE,
    category: 'persistence',
    needs: ['info'],
    find: ({ info }) => NO_APPEND_ONLY_FILE.find(info),
  },
  {
    id: 'persistence.fsync',
    category: 'persistence',
    severity: 'warning',
    needs: ['settings'],
    why: 'a crash of the machine loses up to half a minute of accepted jobs and entries',
    fix: 'CONFIG SET appendfsync everysec',
    find: ({ settings }) => (settings['appendfsync'] === 'no' ? 'appendfsync is no' : undefined),
  },
  {
    id: 'persistence.aof-failed',
    category: 'persistence',
    severity: 'error',
    needs: ['info'],
    why: 'Redis refuses writes until it can write its file again',
    fix: 'look into the log of Redis; make room on its disk: df -h',
    find: ({ info }) =>
      info['aof_last_write_status'] === 'err' ? 'the last write to the append-only file failed' : undefined,
  },
  {
    id: 'persistence.snapshot-failed',
    category: 'persistence',
    severity: 'error',
    needs: ['info'],
    why: 'with stop-writes-on-bgsave-error Redis refuses every write; without it, a restart loses more',
    fix: 'look into the log of Redis; make room on its disk and in memory (vm.overcommit_memory=1); then BGSAVE',
    find: ({ info }) => (info['rdb_last_bgsave_status'] === 'err' ? 'the last snapshot failed' : undefined),
  },
  {
    id: 'persistence.old-snapshot',
    category: 'persistence',
    severity: 'info',
    needs: ['info', 'clock'],
    why: 'without an append-only file, a crash loses all since then',
    fix: 'BGSAVE; CONFIG SET save "300 100"',
    find: ({ info, clock: { redisMs } }) => {
      const changes = numberOf(info, 'rdb_changes_since_last_save');
      const savedAgoS = redisMs / 1_000 - numberOf(info, 'rdb_last_save_time');
      const isOld = savedAgoS > DAY_S && changes > 0 && !hasAppendOnlyFile(info);
      return isOld ? `the last snapshot is ${Math.floor(savedAgoS / DAY_S)} days old` : undefined;
    },
  },
  {
    id: 'buffers.pubsub',
    category: 'buffers',
    severity: 'warning',
    needs: ['settings', 'process'],
    why: 'Redis closes the connection of a process that does not read so much at once, with all calls that wait in it',
    fix: 'CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"',
    find: ({ settings, process: { maxPayloadBytes } }) => {
      const hard = pubsubLimit(settings['client-output-buffer-limit']);
      if (hard === undefined || hard === 0 || hard >= 4 * maxPayloadBytes) return undefined;
      return `client-output-buffer-limit pubsub is ${hard} bytes, and maxPayloadBytes=${maxPayloadBytes}`;
    },
  },
  {
    id: 'buffers.overrun',
    category: 'buffers',
    severity: 'warning',
    needs: ['info'],
    why: 'processes were disconnected because they read too slowly: their calls failed or were sent again',
    fix: 'find what blocks the event loop of the services: hydra_event_loop_delay_seconds; CONFIG RESETSTAT begins the count again',
    find: ({ info }) => {
      const cut = numberOf(info, 'client_output_buffer_limit_disconnections');
      return cut > 0 ? `${cut} connections overran their output buffer since Redis started` : undefined;
    },
  },
];

/** The hard limit of pub/sub clients, in bytes. */
function pubsubLimit(text: string | undefined): number | undefined {
  const found = /\bpubsub (\d+)/.exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}
