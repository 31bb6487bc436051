import { Cluster, type Redis } from 'ioredis';
import type { TLSSocket } from 'node:tls';

import type { RedisClient } from './redis-connections.js';

const LOCAL = /^(127\.|::1$|localhost$)/;
const DAY_MS = 86_400_000;

/** How this process is connected to Redis. */
export interface LinkFacts {
  /** Without credentials. */
  readonly host: string;
  /** The same machine. */
  readonly isLocal: boolean;
  readonly isEncrypted: boolean;
  readonly hasPassword: boolean;
  /** Until the certificate of Redis ends, in days; undefined without one. */
  readonly certificateDays: number | undefined;
}

/** @param now the time, in milliseconds since 1970 */
export function linkFacts(client: RedisClient, now: number): LinkFacts {
  const node = client instanceof Cluster ? client.nodes('master')[0] : client;
  const { host = 'localhost', path, tls, password } = node?.options ?? {};
  const { stream } = (node ?? {}) as Redis & { readonly stream?: Partial<TLSSocket> };
  const endsOn = stream?.getPeerCertificate?.().valid_to;
  return {
    host: path ?? host,
    isLocal: path !== undefined || LOCAL.test(host),
    isEncrypted: tls !== undefined || stream?.encrypted === true,
    hasPassword: Boolean(password),
    certificateDays: endsOn === undefined ? undefined : (Date.parse(endsOn) - now) / DAY_MS,
  };
}
