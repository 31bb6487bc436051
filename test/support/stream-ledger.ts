import { Redis } from 'ioredis';

import type { HydraErrorCode, HydraOptions, StreamPatternOptions } from '../../lib/index.js';
import { atEnd } from './at-end.js';
import { startChild, type Child } from './child.js';

/** What a consumer process is asked to do with an entry. */
export interface StreamTask {
  readonly key?: string;
  readonly n?: number;
  readonly act?: 'exit' | 'throw';
  /** How long it takes. @defaultValue up to 10 ms, at random */
  readonly ms?: number;
  /** How long its first attempt takes, where that is another time. */
  readonly firstMs?: number;
}

export interface ConsumerSettings {
  readonly service: string;
  readonly stream: string;
  readonly redis: string;
  /** URL of the Redis that the ledger is in: not the one under test. */
  readonly ledger: string;
  readonly handler?: StreamPatternOptions;
  readonly options?: Partial<HydraOptions>;
}

export interface LedgerLine {
  /** By the clock of the ledger's Redis, in milliseconds. */
  readonly at: number;
  /** A code is the reason why a handler's signal aborted. */
  readonly what: 'begin' | 'end' | 'kill' | HydraErrorCode;
  readonly who: string;
  readonly key: string;
  readonly n: number;
  readonly attempt: number;
}

export interface Consumer extends Child {
  readonly id: string;
}

/** A consumer process; it may be killed by what it handles before it is ready. */
export function launchConsumer(settings: ConsumerSettings): Child {
  return startChild('test/chaos/stream.process.ts', { env: { CONSUMER: JSON.stringify(settings) } });
}

export async function startConsumer(settings: ConsumerSettings): Promise<Consumer> {
  const child = launchConsumer(settings);
  const { id } = await child.ready;
  return { ...child, id: id as string };
}

/** What consumers did, in the order in which they did it, as a Redis that no fault touches has it. */
export class Ledger {
  private readonly redis: Redis;

  constructor(readonly url: string) {
    this.redis = new Redis(url);
    atEnd(() => this.redis.disconnect());
  }

  async lines(): Promise<LedgerLine[]> {
    const entries = await this.redis.xrange('ledger', '-', '+');
    return entries.map(([id, fields]) => {
      const [, what, , who, , key, , n, , attempt] = fields;
      return {
        at: Number.parseInt(id, 10),
        what,
        who,
        key,
        n: Number(n),
        attempt: Number(attempt),
      } as LedgerLine;
    });
  }

  /** How often each task was begun and ended: `begin k 3` → 2. */
  async counts(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { what, key, n } of await this.lines()) {
      const name = `${what} ${key} ${n}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  async kill(consumer: Consumer): Promise<void> {
    await this.redis.xadd('ledger', '*', 'what', 'kill', 'who', consumer.id, 'key', '', 'n', 0, 'attempt', 0);
    await consumer.kill('SIGKILL');
  }
}
