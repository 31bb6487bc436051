import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import type { RedisLocation, TlsOptions } from '../../lib/index.js';
import { freePort } from '../../tools/free-port.mjs';
import type { RunningRedis } from '../../tools/redis.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from './at-end.js';
import { createAuthority } from './certificates.js';
import { eventually } from './eventually.js';
import { startProxy, type Proxy } from './proxy.js';
import { startRealRedis } from './redis.js';
import { SERVER_NAMES, tlsArgs, tlsLines } from './tls-redis.js';

const NAME = 'main';
const REPLICAS = 2;
const SENTINELS = 3;

export interface SentinelOptions {
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** Clients reach the servers by other addresses than the Sentinels say. */
  readonly isMapped?: boolean;
  /** All of them speak TLS, to one another too. */
  readonly isTls?: boolean;
  /** The nodes reach one another, and the Sentinels them, by ways of their own: `wires`, which clients do not take. */
  readonly isPartitionable?: boolean;
  /** More settings of each node. */
  readonly args?: readonly string[];
}

export interface TestSentinels {
  readonly location: RedisLocation;
  /** For the option of this name. */
  readonly tls?: TlsOptions;
  readonly nodes: readonly RunningRedis[];
  /** The ways of clients to the nodes, where they are mapped. */
  readonly links: readonly Proxy[];
  /** The ways of the Sentinels and of other nodes to the nodes, where they have some of their own. */
  readonly wires: readonly Proxy[];
  /** A connection to each node, past the ways of clients. */
  readonly admins: readonly Redis[];
  /** Which node the Sentinels call the primary. */
  primary(): Promise<number>;
  /** Resolves when another node is called the primary. */
  promotedInsteadOf(node: number): Promise<unknown>;
  /** Resolves when this node is one. */
  isReplica(node: number): Promise<unknown>;
  /** Has the Sentinels replace the primary, which lives on. */
  failOver(): Promise<void>;
  /** How many connections of the library each node has. */
  connections(): Promise<number[]>;
  stopSentinel(index: number): Promise<void>;
}

/** A primary, two replicas, and three Sentinels, two of which decide about a failover. */
export async function startSentinels(options: SentinelOptions = {}): Promise<TestSentinels> {
  const { password, sentinelPassword, isMapped = false, isTls = false, isPartitionable = false } = options;
  const tls = isTls ? await createTls() : undefined;
  const auth = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const start = async (more: readonly string[] = []): Promise<Node> => {
    const tlsPort = tls && (await freePort());
    const secure = tls ? ['--tls-port', String(tlsPort), '--tls-replication', 'yes', ...tls.args] : [];
    const redis = await startRealRedis([...auth, '--repl-diskless-sync-delay', '0', ...secure, ...more]);
    const wire = isPartitionable ? await startProxy(redis.url) : undefined;
    return { redis, wire, port: wire?.port ?? tlsPort ?? redis.port };
  };
  const own = options.args ?? [];
  const first = await start(own);
  const follow = isPartitionable ? [] : ['--replicaof', '127.0.0.1', String(first.port)];
  const replicas = Array.from({ length: REPLICAS }, () => start([...own, ...follow]));
  const started = [first, ...(await Promise.all(replicas))];
  const nodes = started.map(({ redis }) => redis);
  const wires = started.flatMap(({ wire }) => wire ?? []);
  const links = isMapped ? await Promise.all(nodes.map(({ url }) => startProxy(url))) : [];
  const natMap = Object.fromEntries([
    ...links.map(({ port }, index) => [`127.0.0.1:${nodes[index]!.port}`, { host: '127.0.0.1', port }]),
    ...wires.map(({ port }, index) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: nodes[index]!.port }]),
  ]) as NatMap;
  const admins = nodes.map(({ port }) => openAdmin(port, password));
  for (const [index, { port }] of wires.entries()) {
    await admins[index]!.config('SET', 'replica-announce-ip', '127.0.0.1');
    await admins[index]!.config('SET', 'replica-announce-port', port);
    if (index > 0) await admins[index]!.replicaof('127.0.0.1', first.port);
  }
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinel(first.port, options, tls)),
  );
  const asked = sentinels.map(({ port }) => openAdmin(port, sentinelPassword));
  let firstAlive = 0;
  const primary = async () => {
    const [, port] = (await asked[firstAlive]!.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [
      string,
      string,
    ];
    return started.findIndex((node) => String(node.port) === port);
  };
  const knowsAll = async () => {
    const infos = await Promise.all(asked.map((sentinel) => sentinel.call('INFO', 'sentinel')));
    return infos.every((info) => String(info).includes(`slaves=${REPLICAS},sentinels=${SENTINELS}`));
  };
  await eventually(knowsAll, { what: 'the Sentinels to know all', timeoutMs: 30_000 });
  return {
    location: {
      sentinels: sentinels.map(({ port, tlsPort }) => ({ host: '127.0.0.1', port: tlsPort ?? port })),
      name: NAME,
      ...(password !== undefined && { password }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...((isMapped || isPartitionable) && { natMap }),
    },
    ...(tls && { tls: tls.client }),
    nodes,
    links,
    wires,
    admins,
    primary,
    promotedInsteadOf: (node) =>
      eventually(async () => (await primary()) !== node, { what: 'a promotion', timeoutMs: 30_000 }),
    isReplica: (node) =>
      eventually(async () => String(await admins[node]!.call('ROLE')).startsWith('slave'), {
        what: 'the former primary to follow',
        timeoutMs: 60_000,
      }),
    failOver: async () => void (await asked[firstAlive]!.call('SENTINEL', 'FAILOVER', NAME)),
    connections: () => Promise.all(admins.map(connectionsAt)),
    async stopSentinel(index) {
      await sentinels[index]!.stop();
      if (index === firstAlive) firstAlive++;
    },
  };
}

async function connectionsAt(admin: Redis): Promise<number> {
  const lines = String(await admin.client('LIST')).split('\n');
  return lines.filter((line) => line.includes('name=hydra:')).length;
}

type NatMap = Record<string, { readonly host: string; readonly port: number }>;

interface Node {
  readonly redis: RunningRedis;
  readonly wire: Proxy | undefined;
  /** What replicas, Sentinels and clients go to. */
  readonly port: number;
}

interface Tls {
  readonly args: readonly string[];
  readonly lines: readonly string[];
  readonly client: TlsOptions;
}

/** One certificate for all servers, and one that they take from a client. */
async function createTls(): Promise<Tls> {
  const authority = await createAuthority();
  const server = await authority.issue('server', { names: [...SERVER_NAMES] });
  const client = await authority.issue('client');
  return {
    args: tlsArgs(authority.ca, server),
    lines: tlsLines(authority.ca, server),
    client: { ca: authority.ca, ...client },
  };
}

async function startSentinel(
  primaryPort: number,
  { password, sentinelPassword }: SentinelOptions,
  tls: Tls | undefined,
) {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-sentinel-'));
  const port = await freePort();
  const tlsPort = tls && (await freePort());
  const config = [
    `port ${port}`,
    ...(tls ? [`tls-port ${tlsPort}`, 'tls-replication yes', ...tls.lines] : []),
    'bind 127.0.0.1',
    `sentinel monitor ${NAME} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 6000`,
    ...(password === undefined ? [] : [`sentinel auth-pass ${NAME} ${password}`]),
    ...(sentinelPassword === undefined
      ? []
      : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
    '',
  ];
  await writeFile(join(folder, 'sentinel.conf'), config.join('\n'));
  const child = spawn('redis-server', [join(folder, 'sentinel.conf'), '--sentinel'], {
    stdio: 'ignore',
    cwd: folder,
  });
  const pid = child.pid!;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  watchProcess(pid);
  child.once('exit', () => forgetProcess(pid));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  atEnd(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { port, tlsPort, stop };
}

function openAdmin(port: number, password?: string): Redis {
  const admin = new Redis({
    port,
    ...(password !== undefined && { password }),
    retryStrategy: () => 100,
    commandTimeout: 5_000,
  });
  admin.on('error', () => undefined);
  atEnd(() => admin.disconnect());
  return admin;
}
