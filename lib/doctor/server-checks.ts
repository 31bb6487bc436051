import { evictionPolicy, hasAppendOnlyFile, oldestServer } from '../redis/server-facts.js';
import { vulnerableBuild } from './known-builds.js';
import type { Check, Info } from './finding.js';

const REDIS_PAGE = 'docs/doctor.md';
const DAY_S = 86_400;
const MIB = 1024 * 1024;
/** A share of a limit. */
const NEARLY = 0.8;
const ALMOST = 0.95;
const SLOW_ROUND_TRIP_MS = 20;
const SLOW_COMMAND_MS = 250;
const SOON_DAYS = 14;
const FRAGMENTED = 2;
const FRAGMENTED_FROM_BYTES = 256 * MIB;
const CLOCK_MS = 5_000;

function numberOf(info: Info, name: string): number {
  return Number(info[name] ?? Number.NaN);
}

const page = (id: string) => `${REDIS_PAGE}#${id.replaceAll('.', '')}`;

type Plain = Omit<Check, 'docs'>;

const REACH: readonly Plain[] = [
  {
    id: 'reach.unreachable',
    category: 'reach',
    severity: 'error',
    needs: ['connection'],
    why: 'without Redis no call, event or job goes anywhere, and no instance is found',
    fix: 'redis-cli -u "$HYDRA_REDIS_URL" ping; correct HYDRA_REDIS_URL, or start Redis',
    find: ({ connection: { reason, isRefused } }) =>
      reason === undefined || isRefused ? undefined : `no connection to Redis: ${reason}`,
  },
  {
    id: 'reach.refused',
    category: 'reach',
    severity: 'error',
    needs: ['connection'],
    why: 'Redis does not let this process in, and waiting does not help',
    fix: 'correct user, password and certificates in HYDRA_REDIS_URL and HYDRA_REDIS_TLS_…; the user needs the rules of npx nestjs-hydra acl <service>',
    find: ({ connection: { reason, isRefused } }) =>
      isRefused ? `Redis refuses this process: ${reason}` : undefined,
  },
  {
    id: 'reach.plaintext',
    category: 'reach',
    severity: 'info',
    needs: ['link'],
    why: 'passwords, data of calls and jobs can be read and changed by whoever is between',
    fix: 'use a rediss:// URL, and --tls-port in Redis',
    find: ({ link }) =>
      link.isLocal || link.isEncrypted ? undefined : `the connection to ${link.host} is not encrypted`,
  },
  {
    id: 'reach.no-password',
    category: 'reach',
    severity: 'warning',
    needs: ['link'],
    why: 'who reaches the port can call every service, take jobs and delete everything',
    fix: 'npx nestjs-hydra acl <service>; then put the user and its password into HYDRA_REDIS_URL',
    find: ({ link }) => (link.isLocal || link.hasPassword ? undefined : `${link.host} asks for no password`),
  },
  {
    id: 'reach.certificate',
    category: 'reach',
    severity: 'warning',
    needs: ['link'],
    why: 'with an expired certificate no process connects again',
    fix: 'renew the certificate of Redis, and CONFIG SET tls-cert-file to load it',
    find: ({ link: { certificateDays: days } }) => {
      if (days === undefined || days >= SOON_DAYS) return undefined;
      return {
        what: `the certificate of Redis ends in ${Math.floor(days)} days`,
        severity: days < 1 ? 'error' : 'warning',
      };
    },
  },
  {
    id: 'reach.slow',
    category: 'reach',
    severity: 'warning',
    needs: ['link'],
    why: 'every call goes through Redis twice each way: it takes at least twice this time',
    fix: 'run services and Redis in one zone; redis-cli --latency measures it by itself',
    find: ({ link: { roundTripMs } }) =>
      roundTripMs > SLOW_ROUND_TRIP_MS
        ? `a round trip to Redis takes ${roundTripMs.toFixed(1)} ms`
        : undefined,
  },
];

const SERVER: readonly Plain[] = [
  {
    id: 'server.too-old',
    category: 'server',
    severity: 'error',
    needs: ['info'],
    why: 'commands are missing that calls, jobs and streams are made of',
    fix: 'install Redis 6.2 or newer, or Valkey',
    find: ({ info }) => oldestServer(info),
  },
  {
    id: 'server.vulnerable',
    category: 'server',
    severity: 'info',
    needs: ['info'],
    why: 'who may run scripts, as every service here, may run code on the server (CVE-2025-49844); distributions mend this under the same number',
    fix: 'install the newest release of the same series',
    find: ({ info }) => vulnerableBuild(info),
  },
  {
    id: 'server.replica',
    category: 'server',
    severity: 'error',
    needs: ['info'],
    why: 'a replica refuses every write, so nobody registers there',
    fix: 'use the URL of the primary, or Sentinel: redis: { name, sentinels }',
    find: ({ info }) => (info['role'] === 'slave' ? 'this Redis is a replica' : undefined),
  },
  {
    id: 'server.loading',
    category: 'server',
    severity: 'error',
    needs: ['info'],
    why: 'Redis refuses commands until its data are read',
    fix: 'wait: npx nestjs-hydra doctor --wait',
    find: ({ info }) => (info['loading'] === '1' ? 'Redis reads its data from disk' : undefined),
  },
  {
    id: 'server.replica-link',
    category: 'server',
    severity: 'warning',
    needs: ['info'],
    why: 'after a failover, what was not replicated is lost',
    fix: 'redis-cli INFO replication; look into the log of the replica',
    find: ({ info }) => {
      const bad = Object.entries(info).filter(
        ([name, value]) => /^slave\d+$/.test(name) && !value.includes('state=online'),
      );
      return bad.length > 0 ? `${bad.length} replicas are not in step` : undefined;
    },
  },
  {
    id: 'server.clients',
    category: 'server',
    severity: 'warning',
    needs: ['info'],
    why: 'each process has two or more connections, and none is accepted above the limit',
    fix: 'CONFIG SET maxclients <more>',
    find: ({ info }) => {
      const [used, most] = [numberOf(info, 'connected_clients'), numberOf(info, 'maxclients')];
      return used > most * NEARLY ? `${used} of maxclients=${most} connections are used` : undefined;
    },
  },
  {
    id: 'server.rejected',
    category: 'server',
    severity: 'warning',
    needs: ['info'],
    why: 'processes could not connect',
    fix: 'CONFIG SET maxclients <more>; CONFIG RESETSTAT begins the count again',
    find: ({ info }) => {
      const rejected = numberOf(info, 'rejected_connections');
      return rejected > 0 ? `${rejected} connections were rejected since Redis started` : undefined;
    },
  },
  {
    id: 'server.cluster-down',
    category: 'server',
    severity: 'error',
    needs: ['cluster'],
    why: 'services whose slot nobody serves stand still',
    fix: 'redis-cli --cluster check <host:port>; redis-cli --cluster fix <host:port>',
    find: ({ cluster }) =>
      cluster['cluster_state'] === 'fail'
        ? `the Cluster is down: ${cluster['cluster_slots_ok'] ?? '?'} of 16384 slots are served`
        : undefined,
  },
  {
    id: 'server.slow-commands',
    category: 'server',
    severity: 'warning',
    needs: ['slow'],
    why: 'Redis does one thing at a time: meanwhile every service waits, and heartbeats come late',
    fix: 'SLOWLOG GET 10; do not run KEYS, or large scripts, on the Redis of the services',
    find: ({ slow }) => {
      const [worst] = slow.filter(({ ms }) => ms > SLOW_COMMAND_MS).toSorted((a, b) => b.ms - a.ms);
      return worst && `${worst.command} took ${worst.ms.toFixed(0)} ms within the last ten minutes`;
    },
  },
  {
    id: 'clock.differs',
    category: 'clock',
    severity: 'info',
    needs: ['clock'],
    why: 'leases and presences follow the clock of Redis alone; delays of jobs and times in logs follow this one',
    fix: 'synchronise the clocks: timedatectl set-ntp true',
    find: ({ clock: { aheadMs } }) =>
      Math.abs(aheadMs) > CLOCK_MS
        ? `the clock of this process is ${Math.abs(aheadMs / 1_000).toFixed(0)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of Redis`
        : undefined,
  },
];

const MEMORY: readonly Plain[] = [
  {
    id: 'memory.eviction',
    category: 'memory',
    severity: 'error',
    needs: ['info'],
    why: 'when memory is short, Redis removes presences, leases, jobs and streams',
    fix: 'CONFIG SET maxmemory-policy noeviction',
    find: ({ info }) => {
      const policy = evictionPolicy(info['maxmemory_policy']);
      if (policy === undefined) return undefined;
      const isSure = numberOf(info, 'maxmemory') > 0;
      return { what: `maxmemory-policy is ${policy}`, severity: isSure ? 'error' : 'warning' };
    },
  },
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
    why: 'above maxmemory Redis refuses jobs, entries and new instances',
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
    id: 'persistence.off',
    category: 'persistence',
    severity: 'warning',
    needs: ['info'],
    why: 'jobs and entries accepted since the last snapshot are lost when Redis crashes',
    fix: 'CONFIG SET appendonly yes',
    find: ({ info }) => (hasAppendOnlyFile(info['aof_enabled']) ? undefined : 'appendonly is no'),
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
      const isOld = savedAgoS > DAY_S && changes > 0 && !hasAppendOnlyFile(info['aof_enabled']);
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
  {
    id: 'monitors.monitor',
    category: 'monitors',
    severity: 'warning',
    needs: ['clients'],
    why: 'MONITOR halves what Redis can do, and shows the data of every call',
    fix: 'CLIENT KILL TYPE normal ID <id>: find it with CLIENT LIST, flag O',
    find: ({ clients: { monitors } }) => (monitors > 0 ? `${monitors} connections run MONITOR` : undefined),
  },
  {
    id: 'monitors.patterns',
    category: 'monitors',
    severity: 'warning',
    needs: ['patterns'],
    why: 'while somebody subscribes by a pattern, no count of receivers proves who received a message: lost instances are noticed later',
    fix: 'use SUBSCRIBE in place of PSUBSCRIBE; CLIENT LIST shows who has psub=1',
    find: ({ patterns }) =>
      patterns > 0 ? `${patterns} patterns are subscribed with PSUBSCRIBE` : undefined,
  },
];

/** The hard limit of pub/sub clients, in bytes. */
function pubsubLimit(text: string | undefined): number | undefined {
  const found = /\bpubsub (\d+)/.exec(text ?? '')?.[1];
  return found === undefined ? undefined : Number(found);
}

/** What is looked for in the server and in the way to it. */
export const SERVER_CHECKS: readonly Check[] = [...REACH, ...SERVER, ...MEMORY].map((check) => ({
  ...check,
  docs: page(check.id),
}));
