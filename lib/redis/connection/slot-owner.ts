import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

import { AbstractConnector, type Cluster, type Redis } from 'ioredis';

/** The primary that owns one slot of a Cluster, whichever it is at the moment. */
export class SlotOwner {
  private wasAsked = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly slot: number,
  ) {}

  /**
   * The driver's connection to it, made if it is not. Each time but the first the nodes are asked who it is.
   *
   * @throws Error when nobody owns the slot, or the nodes do not answer
   */
  async node(): Promise<Redis> {
    if (this.wasAsked) await this.refresh();
    this.wasAsked = true;
    const key = this.cluster.slots[this.slot]?.[0];
    const node = this.cluster.nodes('all').find(({ options }) => `${options.host}:${options.port}` === key);
    if (!node) throw new Error(`no node of the Cluster serves slot ${this.slot}`);
    // Who listens there also speaks there.
    if (node.status === 'wait') node.connect().catch(() => undefined);
    return node;
  }

  private refresh(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.cluster.refreshSlotsCache((error) => (error ? reject(error) : resolve()));
    });
  }
}

/** For the driver: connects to the owner of a slot, with the address and the TLS of the Cluster's own connection to it. */
export function connectorTo(owner: SlotOwner): new (options: object) => AbstractConnector {
  return class SlotConnector extends AbstractConnector {
    constructor(private readonly options: object) {
      super((options as { disconnectTimeout?: number }).disconnectTimeout ?? 0);
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      const { host, port, family, tls } = (await owner.node()).options;
      Object.assign(this.options, { tls });
      if (!this.connecting) throw new Error('Connection is closed.');
      const place = { host, port, family, ...tls } as ConnectionOptions & { port: number };
      const stream = tls ? connectTls(place) : connectTcp(place as never);
      this.stream = stream;
      return stream.once('error', (error) => (this.firstError = error));
    }
  };
}
