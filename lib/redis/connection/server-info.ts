import type { Redis } from 'ioredis';

import { HydraError } from '../../hydra-error.js';
import { isReply } from '../redis-error.js';

export const OLDEST_REDIS = '6.2';
const [OLDEST_MAJOR, OLDEST_MINOR] = OLDEST_REDIS.split('.').map(Number) as [number, number];

/** What a server says about itself; nothing if INFO and HELLO are not allowed. */
export interface ServerInfo {
  /** Differs between servers, and changes with each start of the server. */
  readonly runId?: string | undefined;
  readonly isReplica: boolean;
  /** It reads its data from disk, and refuses commands meanwhile. */
  readonly isLoading: boolean;
  readonly version?: string | undefined;
  /** `Redis` or `Valkey`. */
  readonly product: string;
}

/** What is known about a server that gives no information. */
export const UNKNOWN_SERVER: ServerInfo = { isReplica: false, isLoading: false, product: 'Redis' };

/**
 * Asks with INFO, and where that is refused or renamed away with HELLO, which tells the role and the version.
 *
 * Rejects as the driver does when the connection breaks, or when Redis wants to know first who asks.
 */
export async function askServer(client: Redis): Promise<ServerInfo> {
  const info = await unlessRefused(client.info());
  if (typeof info === 'string') return serverOf(info);
  const hello = await unlessRefused(client.call('HELLO'));
  return Array.isArray(hello) ? serverOfHello(hello) : UNKNOWN_SERVER;
}

/**
 * Whether the server is a replica by now; undefined where it does not say so. HELLO needs no right, and costs what PING
 * does.
 */
export async function isReplicaNow(client: Redis): Promise<boolean | undefined> {
  const hello = await unlessRefused(client.call('HELLO'));
  return Array.isArray(hello) ? serverOfHello(hello).isReplica : undefined;
}

/** The server that an answer to INFO describes. */
export function serverOf(info: string): ServerInfo {
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  return {
    runId: field('run_id'),
    isReplica: field('role') === 'slave',
    isLoading: field('loading') === '1',
    version: field('valkey_version') ?? field('redis_version'),
    product: field('valkey_version') ? 'Valkey' : 'Redis',
  };
}

/** Whether both may be the same server. */
export function maySame(one: ServerInfo, other: ServerInfo): boolean {
  return one.runId === undefined || other.runId === undefined || one.runId === other.runId;
}

/** Why this server cannot be used, if so. */
export function tooOld({ version, product }: ServerInfo): HydraError | undefined {
  const [major = NaN, minor = 0] = (version ?? '').split('.').map(Number);
  if (Number.isNaN(major) || major > OLDEST_MAJOR) return undefined;
  if (major === OLDEST_MAJOR && minor >= OLDEST_MINOR) return undefined;
  const text = `${product} ${version} is too old: ${OLDEST_REDIS} or newer is needed`;
  return new HydraError('REDIS_UNAVAILABLE', text, { mayHaveRun: false, retryable: false });
}

/** `['server', 'redis', 'version', '7.0.15', …, 'role', 'master', …]` */
function serverOfHello(hello: readonly unknown[]): ServerInfo {
  const field = (name: string) => {
    const at = hello.indexOf(name);
    return at < 0 ? undefined : String(hello[at + 1]);
  };
  const isReplica = ['replica', 'slave'].includes(field('role') ?? '');
  const product = field('server') === 'valkey' ? 'Valkey' : 'Redis';
  return { isReplica, isLoading: false, version: field('version'), product };
}

async function unlessRefused(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (isReply(error) && /^(NOPERM|ERR)\b/.test(error.message)) return undefined;
    throw error;
  }
}
