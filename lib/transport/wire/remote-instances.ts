import { decodeAddress } from '../../protocol/address.js';
import type { Keys } from '../../protocol/keys.js';
import { FrameSeries } from './frame-series.js';

const MAX_REMEMBERED = 10_000;

/** An answer of which something is sent again. */
export interface Unheard {
  /** How many of its first values are not under way any more. */
  readonly settledValues: number;
  /** The caller does not want it any more. */
  abandon(): void;
}

/** One of our own instances that sent a frame here. */
export interface RemoteInstance {
  /** `<id>@<service>:/` */
  readonly address: string;
  readonly id: string;
  readonly service: string;
  /** The channel for answers to it. */
  readonly replyChannel: string;
  /** Its calls, by their id, of whose answers something is sent again, because nobody received it. */
  readonly unheard: Map<number, Unheard>;
  /** The frames it sent on the channel for calls here. */
  readonly requests: FrameSeries;
  /** The frames it sent on the channel for answers here. */
  readonly replies: FrameSeries;
}

/** The instances that sent frames here, by their address. */
export class RemoteInstances {
  private readonly byAddress = new Map<string, RemoteInstance>();
  private hasForgotten = false;

  constructor(private readonly keys: Keys) {}

  /** Undefined when it is no instance's address. */
  of(address: string): RemoteInstance | undefined {
    return this.byAddress.get(address) ?? this.add(address);
  }

  private add(address: string): RemoteInstance | undefined {
    const { instance: id, service } = decodeAddress(address) ?? {};
    if (!id || !service) return undefined;
    if (this.byAddress.size >= MAX_REMEMBERED) {
      this.byAddress.clear();
      this.hasForgotten = true;
    }
    const instance = {
      address,
      id,
      service,
      replyChannel: this.keys.replyChannel(service, id),
      unheard: new Map<number, Unheard>(),
      requests: new FrameSeries(this.hasForgotten),
      replies: new FrameSeries(this.hasForgotten),
    };
    this.byAddress.set(address, instance);
    return instance;
  }
}
