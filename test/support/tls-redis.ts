import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { freePort } from '../../tools/free-port.mjs';
import type { RunningRedis } from '../../tools/redis.mjs';
import { forgetProcess, watchProcess } from '../../tools/watchdog.mjs';
import { atEnd } from './at-end.js';
import { createAuthority, type CertificateAuthority, type CertificateFiles } from './certificates.js';
import { eventually } from './eventually.js';
import { startRealRedis } from './redis.js';

/** What the certificate of a server here says that it is. */
export const SERVER_NAMES = [
  { type: 'dns', value: 'redis.test' },
  { type: 'ip', value: '127.0.0.1' },
] as const;

export interface TlsRedis {
  readonly redis: RunningRedis;
  readonly authority: CertificateAuthority;
  /** The port that speaks TLS; `redis.port` does not. */
  readonly port: number;
  readonly url: string;
  /** A certificate that the server takes. */
  readonly client: CertificateFiles;
}

/** A Redis that speaks TLS beside its plain port, and wants a certificate of whoever comes there. */
export async function startTlsRedis(
  server?: (authority: CertificateAuthority) => Promise<CertificateFiles>,
  args: readonly string[] = [],
): Promise<TlsRedis> {
  const authority = await createAuthority();
  const files = await (server?.(authority) ?? authority.issue('redis', { names: [...SERVER_NAMES] }));
  const client = await authority.issue('client');
  const port = await freePort();
  const redis = await startRealRedis(['--tls-port', String(port), ...tlsArgs(authority.ca, files), ...args]);
  return { redis, authority, port, url: `rediss://127.0.0.1:${port}`, client };
}

/** A Sentinel that speaks TLS only, and knows this Redis as `main`. */
export async function startTlsSentinel({ authority, port }: TlsRedis): Promise<{ port: number }> {
  const certificate = await authority.issue('sentinel', { names: [...SERVER_NAMES] });
  const own = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'hydra-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port 0`,
    `tls-port ${own}`,
    `bind 127.0.0.1`,
    `tls-replication yes`,
    ...tlsLines(authority.ca, certificate),
    `sentinel monitor main 127.0.0.1 ${port} 1`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore', cwd: folder });
  const pid = child.pid!;
  watchProcess(pid);
  child.once('exit', () => forgetProcess(pid));
  atEnd(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  return { port: own };
}

/** A Cluster of one node that speaks TLS, also of itself. */
export async function startTlsCluster(): Promise<TlsRedis> {
  const cluster = await startTlsRedis(undefined, [
    ...['--cluster-enabled', 'yes', '--tls-cluster', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  ]);
  const admin = new Redis(cluster.redis.url);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  const isWhole = async () => String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok');
  await eventually(isWhole, { what: 'the Cluster to form', timeoutMs: 20_000 });
  admin.disconnect();
  return cluster;
}

export function tlsArgs(ca: string, files: CertificateFiles): string[] {
  return Object.entries(tlsSettings(ca, files)).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Lines of a configuration file. */
export function tlsLines(ca: string, files: CertificateFiles): string[] {
  return Object.entries(tlsSettings(ca, files)).map((setting) => setting.join(' '));
}

function tlsSettings(ca: string, { cert, key }: CertificateFiles): Record<string, string> {
  return { 'tls-ca-cert-file': ca, 'tls-cert-file': cert, 'tls-key-file': key };
}
