import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import { Command } from 'ioredis';

import { atEnd } from './at-end.js';
import { startPrivateRedis } from './redis.js';
import { elementsOf, endOfValue } from './resp-text.js';

const CROSS = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
/** Commands whose keys do not stand first, by where the first one stands; the others of interest are below. */
const FIRST_KEY: Readonly<Record<string, number>> = { XGROUP: 2, XINFO: 2, OBJECT: 2 };
const SEVERAL_KEYS = ['DEL', 'UNLINK', 'EXISTS', 'MGET', 'SDIFF'];
const NO_KEY = ['PING', 'INFO', 'TIME', 'CLIENT', 'AUTH', 'SELECT', 'PUBSUB', 'SCRIPT', 'QUIT', 'ECHO'];

interface Waiting {
  readonly give: (reply: Buffer) => void;
}

/**
 * Two servers behind one address, as managed services have it: each command goes to the server of its key's slot, and one
 * with keys of several slots is refused with CROSSSLOT. CLUSTER and HELLO are unknown. Whoever subscribes does so at both.
 */
export async function startShardingProxy(): Promise<{ url: string; shards: readonly string[] }> {
  const shards = await Promise.all([startPrivateRedis(), startPrivateRedis()]);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client.on('close', () => open.delete(client)));
    const ports = shards.map(({ port }) => port);
    new ProxiedClient(client, ports).start();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, shards: shards.map(({ url }) => url) };
}

class ProxiedClient {
  private readonly servers: readonly ShardConnection[];
  /** Answers go back in the order of the commands. */
  private last: Promise<unknown> = Promise.resolve();
  private block: { text: Buffer; keys: string[]; length: number } | undefined;

  constructor(
    private readonly client: Socket,
    ports: readonly number[],
  ) {
    this.servers = ports.map((port) => new ShardConnection(port, (push) => client.write(push)));
  }

  start(): void {
    const { client } = this;
    let rest: Buffer = Buffer.alloc(0);
    client.setNoDelay(true).on('error', () => client.destroy());
    client.on('close', () => this.servers.forEach((server) => server.close()));
    client.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = endOfValue(rest, 0); end > 0; end = endOfValue(rest, 0)) {
        this.take(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    });
  }

  private take(text: Buffer): void {
    const reply = this.answer(text, elementsOf(text));
    this.last = this.last.then(async () => this.client.write(await reply));
  }

  private answer(text: Buffer, args: readonly string[]): Promise<Buffer> | Buffer {
    const name = args[0]!.toUpperCase();
    if (name === 'HELLO' || name === 'CLUSTER') return Buffer.from(`-ERR unknown command '${name}'\r\n`);
    if (name.endsWith('SUBSCRIBE')) return this.everywhere(text, args.length - 1);
    if (name === 'MULTI') this.block = { text, keys: [], length: 1 };
    else if (this.block) return this.within(this.block, name, text, args);
    else return this.at(keysOf(name, args), text);
    return Buffer.from('+OK\r\n');
  }

  private within(block: NonNullable<typeof this.block>, name: string, text: Buffer, args: readonly string[]) {
    block.text = Buffer.concat([block.text, text]);
    block.length++;
    if (name !== 'EXEC') {
      block.keys.push(...keysOf(name, args));
      return Buffer.from('+QUEUED\r\n');
    }
    this.block = undefined;
    return this.at(block.keys, block.text, block.length);
  }

  private at(keys: readonly string[], text: Buffer, replies = 1): Promise<Buffer> | Buffer {
    const slots = [...new Set(keys.map((key) => new Command('get', [key]).getSlot()))];
    if (slots.length > 1) return Buffer.from(CROSS);
    return this.servers[(slots[0] ?? 0) < 8_192 ? 0 : 1]!.send(text, replies);
  }

  private async everywhere(text: Buffer, confirmations: number): Promise<Buffer> {
    const [first] = await Promise.all(this.servers.map((server) => server.sendAll(text, confirmations)));
    return first!;
  }
}

class ShardConnection {
  private readonly socket: Socket;
  private readonly waiting: Waiting[] = [];

  constructor(port: number, onPush: (push: Buffer) => void) {
    let rest: Buffer = Buffer.alloc(0);
    this.socket = connect(port, '127.0.0.1').setNoDelay(true);
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = endOfValue(rest, 0); end > 0; end = endOfValue(rest, 0)) {
        const reply = Buffer.from(rest.subarray(0, end));
        rest = rest.subarray(end);
        if (reply.includes('$7\r\nmessage\r\n')) onPush(reply);
        else this.waiting.shift()?.give(reply);
      }
    });
  }

  /** Resolves with the last of so many answers. */
  async send(text: Buffer, replies: number): Promise<Buffer> {
    const answers = this.expect(replies);
    this.socket.write(text);
    return (await answers).at(-1)!;
  }

  async sendAll(text: Buffer, replies: number): Promise<Buffer> {
    const answers = this.expect(replies);
    this.socket.write(text);
    return Buffer.concat(await answers);
  }

  close(): void {
    this.socket.destroy();
  }

  private expect(replies: number): Promise<Buffer[]> {
    const one = () => new Promise<Buffer>((give) => this.waiting.push({ give }));
    return Promise.all(Array.from({ length: replies }, one));
  }
}

function keysOf(name: string, args: readonly string[]): readonly string[] {
  if (NO_KEY.includes(name)) return [];
  if (/^EVAL(?:SHA)?(?:_RO)?$/.test(name)) return args.slice(3, 3 + Number(args[2]));
  if (name === 'XREADGROUP') return [args[args.findIndex((arg) => arg.toUpperCase() === 'STREAMS') + 1]!];
  if (SEVERAL_KEYS.includes(name)) return args.slice(1);
  if (name === 'BLMOVE' || name === 'LMOVE') return args.slice(1, 3);
  return args.slice(FIRST_KEY[name] ?? 1).slice(0, 1);
}
