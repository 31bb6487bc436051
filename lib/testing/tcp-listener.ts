import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { MemoryServer } from './server/memory-server.js';

/** A Redis in memory for other processes: RESP over TCP, on the loopback address only. */
export class TcpListener {
  private readonly sockets = new Set<Socket>();
  private readonly listener: Server;

  constructor(private readonly server: MemoryServer) {
    this.listener = createServer((socket) => this.accept(socket));
  }

  /** The port it listens at. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.listener.once('error', reject);
      this.listener.listen(port, '127.0.0.1', () => resolve((this.listener.address() as AddressInfo).port));
    });
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => {
      this.listener.close(() => resolve());
    });
  }

  private accept(socket: Socket): void {
    const { server, sockets } = this;
    socket.setNoDelay(true);
    sockets.add(socket);
    const session = server.connect({
      address: `${socket.remoteAddress}:${socket.remotePort}`,
      write: (bytes) => void (socket.destroyed || socket.write(bytes)),
      end: () => socket.end(),
    });
    socket.on('data', (bytes) => server.receive(session, bytes));
    // What a client does to its connection ends that connection and nothing else.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      server.disconnect(session);
    });
  }
}
