import type { Redis } from 'ioredis';

import type { RedisLocation } from '../../hydra-options.js';
import { outside } from '../../runtime/async-context.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import { isReply } from '../redis-error.js';
import type { RedisClient } from './driver.js';
import { SentinelView, type PrimaryAddress, type Told } from './sentinel-view.js';

/** A Sentinel that did not answer is asked again after this many milliseconds. */
const ASK_AGAIN_MS = 10_000;

interface Endpoint {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** What of the driver's connector is used here. */
interface Connector {
  readonly sentinelIterator: { readonly sentinels: readonly Endpoint[] };
  connectToSentinel(endpoint: Endpoint): Redis;
  resolveMaster(sentinel: Redis): Promise<PrimaryAddress | null>;
  sentinelNatResolve(address: PrimaryAddress): PrimaryAddress;
}

interface Asked {
  readonly client: Redis;
  isUnderWay: boolean;
}

export interface SentinelWatchOptions {
  readonly clock: Clock;
  /** The name of the primary, for the Sentinels. */
  readonly name: string;
  readonly everyMs: number;
  /** A Sentinel has said something that may be news. */
  readonly onHeard: () => void;
}

/** Whether this location asks Sentinels for the primary: its name there. */
export function nameAtSentinels(redis: RedisLocation): string | undefined {
  if (typeof redis !== 'object' || !('sentinels' in redis) || !redis.sentinels) return undefined;
  return redis.role === 'slave' ? undefined : redis.name;
}

/**
 * Asks all Sentinels who the primary is, also while the present one answers: one that is cut off from the Sentinels does not
 * know that another was made, and takes writes that will be lost. It has one connection to each, which stays open.
 */
export class SentinelWatch {
  private readonly view: SentinelView;
  private readonly ledBy = new WeakMap<RedisClient, Told>();
  private readonly asked = new Map<string, Asked>();
  private readonly restingUntil = new Map<string, number>();
  private timer: Timer | undefined;

  constructor(private readonly options: SentinelWatchOptions) {
    this.view = new SentinelView(options.clock);
  }

  /** Has the driver's client follow only Sentinels that are not behind. */
  lead(client: RedisClient): void {
    const connector = connectorOf(client);
    const resolve = connector.resolveMaster.bind(connector);
    connector.resolveMaster = async (sentinel) => {
      const heard = await this.listen(sentinel, connector, () => resolve(sentinel));
      if (!heard) return null;
      const { told, mayFollow } = heard;
      if (!mayFollow)
        throw new Error(`it names ${placeOf(told.address)}, and another one is the primary now`);
      this.ledBy.set(client, told);
      return told.address;
    };
  }

  /** Whether this client was led to a server that another primary has replaced. */
  isOld(client: RedisClient): boolean {
    const told = this.ledBy.get(client);
    return told !== undefined && this.view.isOld(told);
  }

  /** Asks now, and again and again, the Sentinels that this client knows. */
  ask(client: RedisClient): void {
    this.options.clock.clear(this.timer);
    const askAll = () => {
      const connector = connectorOf(client);
      for (const endpoint of connector.sentinelIterator.sentinels) void this.askOne(endpoint, connector);
    };
    outside(() => {
      askAll();
      this.timer = this.options.clock.setInterval(askAll, this.options.everyMs);
    });
  }

  /** Asks no more until {@link ask}. The connections stay. */
  rest(): void {
    this.options.clock.clear(this.timer);
    this.timer = undefined;
  }

  close(): void {
    this.rest();
    for (const { client } of this.asked.values()) client.disconnect();
    this.asked.clear();
  }

  private async askOne(endpoint: Endpoint, connector: Connector): Promise<void> {
    const place = placeOf(endpoint);
    const { clock } = this.options;
    if ((this.restingUntil.get(place) ?? -Infinity) > clock.monotonic()) return;
    const asked = this.asked.get(place) ?? this.open(place, endpoint, connector);
    if (asked.isUnderWay) return;
    asked.isUnderWay = true;
    const { client } = asked;
    try {
      await this.listen(client, connector, () => this.addressAt(client, connector));
    } catch {
      this.leave(place, asked);
    } finally {
      asked.isUnderWay = false;
    }
  }

  /** Who the primary is, as one Sentinel says, and whether to believe it. Rejects as the driver does. */
  private async listen(
    sentinel: Redis,
    connector: Connector,
    ask: () => Promise<PrimaryAddress | null>,
  ): Promise<{ readonly told: Told; readonly mayFollow: boolean } | undefined> {
    // The epoch first: it must not be newer than the address, where a failover ends between the two.
    const [epoch, found] = await Promise.all([this.epochAt(sentinel), ask()]);
    if (!found) return undefined;
    const { host, port } = found;
    const told: Told = { address: { host, port }, epoch };
    const mayFollow = this.view.hear(
      placeOf(sentinel.options),
      told,
      connector.sentinelIterator.sentinels.length,
    );
    this.options.onHeard();
    return { told, mayFollow };
  }

  private async epochAt(sentinel: Redis): Promise<number | undefined> {
    try {
      const facts = (await sentinel.call('SENTINEL', 'MASTER', this.options.name)) as readonly unknown[];
      const epoch = Number(facts[facts.indexOf('config-epoch') + 1]);
      return Number.isSafeInteger(epoch) ? epoch : undefined;
    } catch (error) {
      // This user may not ask: what any Sentinel says has to be followed.
      if (isReply(error)) return undefined;
      throw error;
    }
  }

  private async addressAt(sentinel: Redis, connector: Connector): Promise<PrimaryAddress | null> {
    const found = await sentinel.call('SENTINEL', 'get-master-addr-by-name', this.options.name);
    if (!Array.isArray(found)) return null;
    const [host, port] = found as [string, string];
    return connector.sentinelNatResolve({ host, port: Number(port) });
  }

  private open(place: string, endpoint: Endpoint, connector: Connector): Asked {
    const client = connector.connectToSentinel(endpoint);
    client.on('error', () => undefined);
    const asked = { client, isUnderWay: false };
    this.asked.set(place, asked);
    return asked;
  }

  private leave(place: string, { client }: Asked): void {
    client.disconnect();
    this.asked.delete(place);
    this.restingUntil.set(place, this.options.clock.monotonic() + ASK_AGAIN_MS);
  }
}

function connectorOf(client: RedisClient): Connector {
  return (client as unknown as { connector: Connector }).connector;
}

function placeOf({ host = '127.0.0.1', port = 26_379 }: Endpoint): string {
  return `${host}:${port}`;
}
