import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { atEnd } from './at-end.js';

export interface Proxy {
  readonly port: number;
  /** The target's URL with the proxy's address in it. */
  readonly url: string;
  /** Client connections open now. */
  connections(): number;
  /** Destroys every connection; new ones are accepted. */
  sever(): void;
  /** Forwards nothing either way and closes nothing, as a pulled cable does. New connections hang too. */
  freeze(): void;
  /** The same for what the Redis says alone. */
  freezeAnswers(): void;
  /** Forwards again, first what was held back. */
  thaw(): void;
  /** New connections are accepted, and nothing is ever forwarded on them; until `false`, for those after it. */
  swallow(on: boolean): void;
  /** Where new connections lead from now on; those that are open stay. */
  retarget(url: string): void;
  close(): Promise<void>;
}

/**
 * A TCP proxy on loopback in front of a Redis, whose link a test can cut or stall.
 *
 * @param rewrite changes what the Redis says
 */
export async function startProxy(
  targetUrl: string,
  rewrite: (chunk: Buffer) => Buffer = (chunk) => chunk,
): Promise<Proxy> {
  let target = new URL(targetUrl);
  const links = new Set<readonly [client: Socket, upstream: Socket]>();
  /** While frozen, one end of a link outlives the other; paused, it would not even notice that its peer has gone. */
  const sockets = new Set<Socket>();
  let frozen = false;
  let isSwallowing = false;

  const swallow = (client: Socket) => {
    sockets.add(client);
    client.on('error', () => client.destroy()).on('close', () => sockets.delete(client));
    client.resume();
  };
  const forward = (client: Socket) => {
    const upstream = connect(Number(target.port || 6379), target.hostname);
    const link = [client, upstream] as const;
    links.add(link);
    for (const [from, to] of [link, [upstream, client] as const]) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (chunk) => to.write(from === upstream ? rewrite(chunk) : chunk));
      // One end going takes the other with it, so that neither side keeps a half of a link; not while frozen,
      // when a closing end must go unnoticed by the other.
      from.on('close', () => {
        if (!frozen) to.destroy();
        sockets.delete(from);
        links.delete(link);
      });
      from.on('error', () => from.destroy());
    }
    if (frozen) hold(link);
  };
  const server = createServer((client) => (isSwallowing ? swallow(client) : forward(client)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const sever = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async () => {
    sever();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  atEnd(close);

  const url = new URL(targetUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    port,
    url: url.toString(),
    connections: () => links.size,
    sever,
    freeze() {
      frozen = true;
      for (const link of links) hold(link);
    },
    freezeAnswers() {
      for (const [, upstream] of links) upstream.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    swallow: (on) => (isSwallowing = on),
    retarget: (next) => (target = new URL(next)),
    close,
  };
}

function hold(link: readonly Socket[]): void {
  for (const socket of link) socket.pause();
}
