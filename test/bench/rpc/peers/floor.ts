import { Redis } from '../../support/ioredis.js';
import { sum, type Body, type Calls, type Peer } from '../peer.js';

type Send = (channel: string, message: readonly unknown[]) => void;
type Way = (redis: InstanceType<typeof Redis>) => { send: Send; read: (wire: string) => readonly Message[] };
type Message = readonly [id: number, name: string, data: unknown];

const REQUESTS = 'bench:requests';
const REPLIES = 'bench:replies';
const handlers: Readonly<Record<string, (data: never) => unknown>> = { sum, echo: (body: Body) => body };

/** Every message is a PUBLISH. */
export const singly: Way = (redis) => ({
  send: (channel, message) => void redis.publish(channel, JSON.stringify(message)),
  read: (wire) => [JSON.parse(wire) as Message],
});

/** What leaves in one turn of the event loop for one channel is one PUBLISH. */
export const coalesced: Way = (redis) => {
  const outbox = new Map<string, unknown[]>();
  const flush = () => {
    for (const [channel, messages] of outbox) void redis.publish(channel, JSON.stringify(messages));
    outbox.clear();
  };
  return {
    send(channel, message) {
      if (outbox.size === 0) setImmediate(flush);
      const waiting = outbox.get(channel);
      if (waiting) waiting.push(message);
      else outbox.set(channel, [message]);
    },
    read: (wire) => JSON.parse(wire) as Message[],
  };
};

/** The least that a call over Redis can be in JavaScript: no envelope, no discovery, no timeout, no errors. */
export function floor(way: Way, name: string): Peer {
  const [requests, replies] = [`${REQUESTS}:${name}`, `${REPLIES}:${name}`];
  return {
    async serve({ redisUrl }) {
      const { send, read } = way(new Redis(redisUrl));
      await listen(redisUrl, requests, (wire) => {
        for (const [id, pattern, data] of read(wire)) {
          send(replies, [id, '', handlers[pattern]!(data as never)]);
        }
      });
    },
    async connect({ redisUrl }): Promise<Calls> {
      const { send, read } = way(new Redis(redisUrl));
      const waiting = new Map<number, (data: never) => void>();
      let lastId = 0;
      await listen(redisUrl, replies, (wire) => {
        for (const [id, , data] of read(wire)) {
          waiting.get(id)?.(data as never);
          waiting.delete(id);
        }
      });
      const call = <T>(pattern: string, data: unknown) =>
        new Promise<T>((resolve) => {
          waiting.set(++lastId, resolve);
          send(requests, [lastId, pattern, data]);
        });
      return { sum: (numbers) => call('sum', numbers), echo: (body) => call('echo', body) };
    },
  };
}

/** Subscribes with a connection of its own. */
export async function listen(
  redisUrl: string,
  channel: string,
  onWire: (wire: string) => void,
): Promise<void> {
  const redis = new Redis(redisUrl);
  redis.on('message', (_channel: string, wire: string) => onWire(wire));
  await redis.subscribe(channel);
}
