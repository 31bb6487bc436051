import { Duplex } from 'node:stream';

import type { Timer } from '../../../lib/runtime/clock.js';
import type { Session } from '../../../lib/testing/server/session.js';
import { PHASES } from './sim-clock.js';
import { inTime, SimDirection } from './sim-network.js';
import type { SimHost } from './sim-host.js';
import type { SimRedis } from './sim-redis.js';

type Fate = 'whole' | 'requests lost' | 'replies lost' | 'all lost';

/**
 * A connection of a process to the Redis of the world, in the place of a socket. Bytes take their time each way.
 *
 * ```text
 *   connecting → open → closed; a lost one seems to be open
 * ```
 */
export class SimConnection extends Duplex {
  connecting = true;
  readonly remoteAddress = 'sim';
  private readonly toServer: SimDirection;
  private readonly toClient: SimDirection;
  private session: Session | undefined;
  private fate: Fate = 'whole';
  private limit: Timer | undefined;

  constructor(
    private readonly redis: SimRedis,
    private readonly host: SimHost,
    readonly remotePort: number,
  ) {
    super({ allowHalfOpen: false });
    const { process, network } = host;
    this.toServer = new SimDirection(network, inTime(redis.clock));
    this.toClient = new SimDirection(network, (at, act) => process.happen(at, PHASES.input, act));
    this.request(() => this.accept());
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Only connecting takes long without a word. */
  setTimeout(ms: number, late?: () => void): this {
    this.host.process.clear(this.limit);
    this.limit = ms > 0 ? this.host.process.setTimeout(() => this.isSilent(late), ms) : undefined;
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.request(() => {
      if (!this.session) return;
      this.redis.saw(`${this.host.name}:${this.remotePort}>`, chunk);
      this.redis.server.receive(this.session, chunk);
    });
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done);
  }

  override _final(done: () => void): void {
    this.leave();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.leave();
    done(error);
  }

  /** From here on nothing of it arrives anywhere, and nobody is told. */
  lose(): void {
    this.fate = 'all lost';
  }

  /** Ends it for both, as a router in between does; what is on its way in one direction does not arrive. */
  breakOff(lost: 'requests lost' | 'replies lost'): void {
    if (this.fate !== 'whole') return;
    this.fate = lost;
    this.toServer.send(() => this.hangUpServer());
    this.toClient.send(() => this.destroy(new Error('read ECONNRESET')));
  }

  /** The process has ended, and its kernel says so. */
  close(): void {
    this.request(() => this.hangUpServer());
  }

  /** The server forgets it. */
  hangUpServer(): void {
    if (this.session) this.redis.server.disconnect(this.session);
  }

  private isSilent(late: (() => void) | undefined): void {
    if (!this.connecting) return;
    late?.();
    this.emit('timeout');
  }

  private request(act: () => void): void {
    if (this.host.network.losesAll) this.lose();
    this.toServer.send(() => {
      if (this.fate === 'whole' || this.fate === 'replies lost') act();
    });
  }

  private reply(act: () => void): void {
    if (this.host.network.losesAll) this.lose();
    this.toClient.send(() => {
      if (this.fate === 'whole' || this.fate === 'requests lost') act();
    });
  }

  private accept(): void {
    if (this.redis.isDown || this.host.isCutOff) return this.reply(() => this.destroy(refused()));
    this.session = this.redis.server.connect({
      address: `${this.host.name}:${this.remotePort}`,
      write: (bytes) => this.answer(bytes),
      end: () => this.reply(() => void (this.destroyed || this.push(null))),
    });
    this.reply(() => {
      this.connecting = false;
      if (!this.destroyed) this.emit('connect');
    });
  }

  private answer(bytes: Buffer): void {
    this.redis.saw(`${this.host.name}:${this.remotePort}<`, bytes);
    this.reply(() => void (this.destroyed || this.push(bytes)));
  }

  private leave(): void {
    this.host.process.clear(this.limit);
    this.host.left(this);
    this.request(() => this.hangUpServer());
  }
}

function refused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED sim'), { code: 'ECONNREFUSED' });
}
