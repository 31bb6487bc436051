import { TOO_OLD } from '../../redis/faults/server-faults.js';
import { vulnerableBuild } from './known-builds.js';
import type { Check } from '../finding.js';
import { numberOf } from './numbers.js';

/** A share of a limit. */
const NEARLY = 0.8;
const SLOW_COMMAND_MS = 250;
const CLOCK_MS = 5_000;

/** The servers, and their clocks. */
export const SERVER_CHECKS: readonly Check[] = [
  { ...TOO_OLD, category: 'server', needs: ['info'], find: ({ info }) => TOO_OLD.find(info) },
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
    fix: 'redis-cli --cluster check <host>:<port>; redis-cli --cluster fix <host>:<port>',
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
    fix: 'SLOWLOG GET 10 shows it; do not run KEYS, or large scripts, on the Redis of the services',
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
