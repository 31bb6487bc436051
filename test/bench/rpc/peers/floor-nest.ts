import { ClientProxy, Server, type ReadPacket, type WritePacket } from '@nestjs/microservices';

import { Redis } from '../../support/ioredis.js';
import type { Peer } from '../peer.js';
import { coalesced, listen } from './floor.js';
import { nestCalls, serveNest } from './nest.js';

const REQUESTS = 'bench:requests:nest';
const REPLIES = 'bench:replies:nest';

/** The least that a server of Nest's can do: no check, no deadline, no limit, one value for each call. */
class BareServer extends Server {
  private readonly way: ReturnType<typeof coalesced>;

  constructor(private readonly redisUrl: string) {
    super();
    this.way = coalesced(new Redis(redisUrl));
  }

  async listen(callback: () => void): Promise<void> {
    await listen(this.redisUrl, REQUESTS, (wire) => {
      for (const [id, pattern, data] of this.way.read(wire)) void this.handle(id, pattern, data);
    });
    callback();
  }

  close(): void {}
  on(): void {}
  unwrap<T>(): T {
    throw new Error('there is nothing to unwrap');
  }

  private async handle(id: number, pattern: string, data: unknown): Promise<void> {
    const result: unknown = await this.getHandlerByPattern(pattern)!(data);
    this.send(this.transformToObservable(result), ({ response }) => {
      if (response !== undefined) this.way.send(REPLIES, [id, '', response]);
    });
  }
}

/** The least that a client of Nest's can do. */
class BareClient extends ClientProxy {
  private readonly way: ReturnType<typeof coalesced>;
  private readonly waiting = new Map<number, (packet: WritePacket) => void>();
  private lastId = 0;
  private connecting: Promise<void> | undefined;

  constructor(private readonly redisUrl: string) {
    super();
    this.way = coalesced(new Redis(redisUrl));
  }

  /** Nest calls it before each message. */
  connect(): Promise<void> {
    return (this.connecting ??= this.open());
  }

  private async open(): Promise<void> {
    await listen(this.redisUrl, REPLIES, (wire) => {
      for (const [id, , response] of this.way.read(wire)) {
        this.waiting.get(id)?.({ response, isDisposed: true });
        this.waiting.delete(id);
      }
    });
  }

  close(): void {}
  unwrap<T>(): T {
    throw new Error('there is nothing to unwrap');
  }

  protected publish({ pattern, data }: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const id = ++this.lastId;
    this.waiting.set(id, callback);
    this.way.send(REQUESTS, [id, pattern as string, data]);
    return () => this.waiting.delete(id);
  }

  protected dispatchEvent<T>(): Promise<T> {
    throw new Error('events are not measured');
  }
}

/** What remains of Nest itself once the way to the handler costs nothing more than the floor. */
export const peer: Peer = {
  serve: ({ redisUrl }) => serveNest({ strategy: new BareServer(redisUrl) }),
  async connect({ redisUrl }) {
    const client = new BareClient(redisUrl);
    await client.connect();
    const calls = nestCalls(client);
    return { sum: (numbers) => calls.sum(numbers), echo: (body) => calls.echo(body) };
  },
};
