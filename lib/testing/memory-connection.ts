import { Duplex } from 'node:stream';

import type { MemoryProcess } from './memory-process.js';
import type { Quiet } from './quiet.js';
import type { MemoryServer } from './server/memory-server.js';
import type { Session } from './server/session.js';

/**
 * A connection that stays in the process: what is written to it reaches the server, and what the server writes can be read
 * from it. Bytes take a microtask each way, and no time.
 */
export class MemoryConnection extends Duplex {
  readonly connecting = false;
  readonly remoteAddress = 'memory';
  private readonly session: Session;

  constructor(
    private readonly server: MemoryServer,
    private readonly quiet: Quiet,
    readonly remotePort: number,
    private readonly process: MemoryProcess,
  ) {
    super({ allowHalfOpen: false });
    this.session = server.connect({
      address: `memory:${remotePort}`,
      write: (bytes) => this.deliver(bytes),
      end: () => this.hangUp(),
    });
  }

  // The driver sets these on every socket.
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.quiet.touch();
    queueMicrotask(() => {
      this.process.carry(() => this.server.receive(this.session, chunk));
      done();
    });
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), '', done);
  }

  override _final(done: () => void): void {
    this.server.disconnect(this.session);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.server.disconnect(this.session);
    done(error);
  }

  /** Ends it without a word, as when a cable is cut. */
  breakOff(): void {
    this.server.disconnect(this.session);
    this.destroy();
  }

  private deliver(bytes: Buffer): void {
    this.quiet.touch();
    this.process.carry(() => void (this.destroyed || this.push(bytes)));
  }

  private hangUp(): void {
    this.quiet.touch();
    if (!this.destroyed) this.push(null);
  }
}
