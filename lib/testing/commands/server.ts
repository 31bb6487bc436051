import { formatPrecision } from '../protocol/numbers.js';
import { CommandError, MapReply, OK, VerbatimReply, wrongArity, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily, CommandHost } from '../server/command-context.js';
import { keysOf } from '../server/command-keys.js';

/** What it answers as. */
export const REDIS_VERSION = '7.0.15';

export const serverCommands: CommandFamily = {
  time: ({ server }) => [
    String(Math.floor(server.nowMicros / 1_000_000)),
    String(server.nowMicros % 1_000_000),
  ],
  role: () => ['master', 0, []],

  info({ server }, sections) {
    const wanted = sections.map((section) => section.toLowerCase());
    const isAll =
      wanted.length === 0 || wanted.some((name) => ['all', 'default', 'everything'].includes(name));
    const chosen = Object.entries(SECTIONS).filter(([name]) => {
      if (wanted.includes(name)) return true;
      return (
        isAll && (name !== 'commandstats' || wanted.some((word) => word === 'all' || word === 'everything'))
      );
    });
    const texts = chosen.map(([name, lines]) =>
      [`# ${TITLES[name] ?? capital(name)}`, ...lines(server), ''].join('\r\n'),
    );
    return new VerbatimReply(texts.join('\r\n'));
  },

  'config|get': ({ server }, patterns) => new MapReply(server.settings.matching(patterns)),

  'config|set'({ server }, pairs) {
    if (pairs.length % 2 !== 0) throw wrongArity('config|set');
    for (let at = 0; at < pairs.length; at += 2) {
      server.settings.set(pairs[at]!, pairs[at + 1]!);
      if (pairs[at]!.toLowerCase() === 'requirepass') server.users.requirePassword(pairs[at + 1]!);
    }
    return OK;
  },

  'config|resetstat'({ server }) {
    server.counts.reset();
    return OK;
  },

  'config|rewrite'() {
    throw new CommandError('ERR The server is running without a config file');
  },

  // No command is slow by the time that passes in memory.
  'slowlog|get': () => [],
  'slowlog|len': () => 0,
  'slowlog|reset': () => OK,

  command: ({ server }) => [...server.commands.commands.keys()].filter((name) => !name.includes('|')),
  'command|count': ({ server }) =>
    [...server.commands.commands.keys()].filter((name) => !name.includes('|')).length,
  'command|list': ({ server }) => [...server.commands.commands.keys()].filter((name) => !name.includes('|')),
  'command|docs': () => new MapReply([]),
  'command|getkeys': (context, argv) => commandKeys(context, argv),
};

function commandKeys({ server }: CommandContext, argv: readonly string[]): Reply {
  const keys = keysOf(server.commands.find(argv), argv);
  if (keys.length === 0) throw new CommandError('ERR The command has no key arguments');
  return keys;
}

const TITLES: Readonly<Record<string, string>> = { cpu: 'CPU' };

const SECTIONS: Readonly<Record<string, (server: CommandHost) => readonly string[]>> = {
  server: ({ runId, now, nowMicros, startedAt }) => [
    `redis_version:${REDIS_VERSION}`,
    'redis_git_sha1:00000000',
    'redis_git_dirty:0',
    'redis_mode:standalone',
    'os:memory',
    'arch_bits:64',
    `process_id:${process.pid}`,
    `run_id:${runId}`,
    'tcp_port:6379',
    `server_time_usec:${nowMicros}`,
    `uptime_in_seconds:${Math.floor((now - startedAt) / 1_000)}`,
    `uptime_in_days:${Math.floor((now - startedAt) / 86_400_000)}`,
    'hz:10',
    'config_file:',
  ],
  clients: ({ sessions, blocked }) => [
    `connected_clients:${sessions.size}`,
    'cluster_connections:0',
    'maxclients:10000',
    `blocked_clients:${blocked.count}`,
  ],
  memory: ({ usedBytes, settings, scripts }) => [
    `used_memory:${usedBytes}`,
    `used_memory_human:${human(usedBytes)}`,
    `used_memory_rss:${usedBytes}`,
    `used_memory_peak:${usedBytes}`,
    'used_memory_startup:1000000',
    `used_memory_dataset:${usedBytes - 1_000_000}`,
    `used_memory_scripts:${scripts.usedBytes}`,
    `number_of_cached_scripts:${scripts.count}`,
    `maxmemory:${settings.maxMemoryBytes}`,
    `maxmemory_human:${human(settings.maxMemoryBytes)}`,
    'maxmemory_policy:noeviction',
    'mem_not_counted_for_evict:0',
    'mem_clients_normal:0',
    'mem_allocator:memory',
  ],
  persistence: () => [
    'loading:0',
    'async_loading:0',
    'rdb_bgsave_in_progress:0',
    'rdb_last_bgsave_status:ok',
    'aof_enabled:0',
  ],
  stats: ({ connectionCount, counts, pubSub }) => [
    `total_connections_received:${connectionCount}`,
    `total_commands_processed:${counts.total}`,
    'instantaneous_ops_per_sec:0',
    `total_net_input_bytes:${counts.inputBytes}`,
    `total_net_output_bytes:${counts.outputBytes}`,
    'rejected_connections:0',
    'expired_keys:0',
    'evicted_keys:0',
    'keyspace_hits:0',
    'keyspace_misses:0',
    `pubsub_channels:${pubSub.channelCount}`,
    `pubsub_patterns:${pubSub.patternCount}`,
  ],
  replication: () => [
    'role:master',
    'connected_slaves:0',
    'master_failover_state:no-failover',
    'master_repl_offset:0',
  ],
  cpu: () => ['used_cpu_sys:0.000000', 'used_cpu_user:0.000000'],
  modules: () => [],
  commandstats: ({ counts }) => counts.commandLines(),
  errorstats: ({ counts }) => counts.errorLines(),
  cluster: () => ['cluster_enabled:0'],
  keyspace: ({ allDatabases }) =>
    allDatabases
      .filter((database) => database.keys().length > 0)
      .map(({ index, size, expiringCount }) => `db${index}:keys=${size},expires=${expiringCount},avg_ttl=0`),
};

function capital(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1);
}

function human(bytes: number): string {
  if (bytes < 1_024) return `${bytes}B`;
  if (bytes < 1_048_576) return `${formatPrecision(Math.round((bytes / 1_024) * 100) / 100, 6)}K`;
  return `${formatPrecision(Math.round((bytes / 1_048_576) * 100) / 100, 6)}M`;
}
