import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import type { RedisLocation } from '../../lib/index.js';
import { freePort } from '../../tools/free-port.mjs';
import type { RunningRedis } from '../../tools/redis.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from './at-end.js';
import { eventually } from './eventually.js';
import { startProxy, type Proxy } from './proxy.js';
import { startPrivateRedis } from './redis.js';

const NAME = 'main';
const REPLICAS = 2;
const SENTINELS = 3;

export interface SentinelOptions {
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** Clients reach the servers by other addresses than the Sentinels say. */
  readonly isMapped?: boolean;
}

export interface TestSentinels {
  readonly location: RedisLocation;
  readonly nodes: readonly RunningRedis[];
  /** The ways of clients to the nodes, where they are mapped. */
  readonly links: readonly Proxy[];
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
  const { password, sentinelPassword, isMapped = false } = options;
  const auth = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const args = [...auth, '--repl-diskless-sync-delay', '0'];
  const first = await startPrivateRedis(args);
  const follow = ['--replicaof', '127.0.0.1', String(first.port)];
  const replicas = await Promise.all(
    Array.from({ length: REPLICAS }, () => startPrivateRedis([...args, ...follow])),
  );
  const nodes = [first, ...replicas];
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinel(first.port, options)),
  );
  const links = isMapped ? await Promise.all(nodes.map(({ url }) => startProxy(url))) : [];
  const natMap = Object.fromEntries(
    links.map(({ port }, index) => [`127.0.0.1:${nodes[index]!.port}`, { host: '127.0.0.1', port }]),
  );
  const admins = nodes.map(({ port }) => openAdmin(port, password));
  const asked = sentinels.map(({ port }) => openAdmin(port, sentinelPassword));
  let firstAlive = 0;
  const primary = async () => {
    const [, port] = (await asked[firstAlive]!.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as [
      string,
      string,
    ];
    return nodes.findIndex((node) => String(node.port) === port);
  };
  const knowsAll = async () => {
    const infos = await Promise.all(asked.map((sentinel) => sentinel.call('INFO', 'sentinel')));
    return infos.every((info) => String(info).includes(`slaves=${REPLICAS},sentinels=${SENTINELS}`));
  };
  await eventually(knowsAll, { what: 'the Sentinels to know all', timeoutMs: 30_000 });
  return {
    location: {
      sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      name: NAME,
      ...(password !== undefined && { password }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...(isMapped && { natMap }),
    },
    nodes,
    links,
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

async function startSentinel(primaryPort: number, { password, sentinelPassword }: SentinelOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'hydra-sentinel-'));
  const port = await freePort();
  const config = [
    `port ${port}`,
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
  return { port, stop };
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
