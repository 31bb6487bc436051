import type { Check } from '../finding.js';

const SLOW_ROUND_TRIP_MS = 20;
const SOON_DAYS = 14;

/** The way to Redis. */
export const REACH_CHECKS: readonly Check[] = [
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
    id: 'reach.silent',
    category: 'reach',
    severity: 'error',
    needs: ['silent'],
    why: 'services whose slot it has stand still until it answers, or a replica takes over',
    fix: 'redis-cli -h <host> -p <port> ping; look into its log; redis-cli --cluster check <host>:<port>',
    find: ({ silent }) => {
      if (silent.length === 0) return undefined;
      const [, host = '<host>', port = '<port>'] = /^(.*):(\d+)$/.exec(silent[0]!) ?? [];
      return { what: `no answer from ${silent.join(', ')}`, names: { host, port } };
    },
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
