import { setTimeout as sleep } from 'node:timers/promises';

import { HydraError } from '../../hydra-error.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { CommandFailure, ExitCode } from './command-failure.js';

const LOOK_EVERY_MS = 20;
/** Nothing listens there, or there is no such host: a person who typed the address should not wait. */
const NOBODY_THERE = /\b(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|ENOENT)\b/;

interface Waiting {
  /** Where Redis is, for people: without credentials. */
  readonly place: string;
  readonly timeoutMs: number;
  /** Whether to wait for Redis: the user gave a time. */
  readonly waits: boolean;
}

/**
 * Connects, or throws the reason: at once where Redis refuses the login, or where nothing listens and no `--timeout` was given.
 *
 * @throws CommandFailure
 */
export async function connect(
  { redis }: Pick<HydraInstance, 'redis'>,
  { place, timeoutMs, waits }: Waiting,
): Promise<void> {
  let refusal: unknown;
  redis.connect().catch((error: unknown) => (refusal = error));
  const endsAt = performance.now() + timeoutMs;
  while (!redis.isReady) {
    if (refusal) throw failure(place, wordsOf(refusal));
    const { reason = 'no answer' } = redis;
    if (performance.now() >= endsAt) throw failure(place, `${reason} (waited ${timeoutMs} ms)`);
    if (!waits && NOBODY_THERE.test(reason)) throw failure(place, reason);
    await sleep(LOOK_EVERY_MS);
  }
}

function failure(place: string, reason: string): CommandFailure {
  return new CommandFailure(ExitCode.redis, `no connection to Redis at ${place}: ${reason}`);
}

/** The message without its code and its prefix "connect to …". */
function wordsOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return error instanceof HydraError
    ? text.replace(/^\[\w+\] (connect( to .*?)?: )?(?=[A-Z]|TLS)/, '')
    : text;
}
