import { createRequire } from 'node:module';

import { sum, type Body, type Peer } from '../peer.js';

interface Message {
  readonly mid: string;
  readonly rmid?: string;
  readonly typ: string;
  readonly bdy: unknown;
}

/** What is used of Hydra 1.9. */
interface Hydra {
  init(config: object): Promise<unknown>;
  registerService(): Promise<unknown>;
  getInstanceID(): string;
  hasServicePresence(name: string): Promise<boolean>;
  createUMFMessage(message: object): Message;
  sendMessage(message: Message): Promise<unknown>;
  sendReplyMessage(to: Message, message: object): Promise<unknown>;
  on(event: 'message', listener: (message: Message) => void): void;
}

const require = createRequire(import.meta.url);

async function start(serviceName: string, redisUrl: string): Promise<Hydra> {
  // It prints to stdout, and these would override what it is told here.
  delete process.env['HYDRA_REDIS_URL'];
  delete process.env['HYDRA_SERVICE'];
  const hydra = require('hydra') as Hydra;
  const redis = { url: `${redisUrl}/0` };
  await hydra.init({ hydra: { serviceName, serviceIP: '127.0.0.1', servicePort: 0, redis } });
  await hydra.registerService();
  return hydra;
}

const handlers: Readonly<Record<string, (body: never) => unknown>> = { sum, echo: (body: Body) => body };

export const peer: Peer = {
  async serve({ redisUrl }) {
    const hydra = await start('hydra-math', redisUrl);
    hydra.on('message', (message) => {
      const bdy = handlers[message.typ]!(message.bdy as never);
      void hydra.sendReplyMessage(message, { bdy });
    });
  },
  async connect({ redisUrl }) {
    const hydra = await start('hydra-caller', redisUrl);
    const waiting = new Map<string, (body: never) => void>();
    hydra.on('message', ({ rmid = '', bdy }) => {
      waiting.get(rmid)?.(bdy as never);
      waiting.delete(rmid);
    });
    const frm = `${hydra.getInstanceID()}@hydra-caller:/`;
    const call = <T>(typ: string, bdy: unknown) =>
      new Promise<T>((resolve, reject) => {
        const message = hydra.createUMFMessage({ to: 'hydra-math:/', frm, typ, bdy });
        waiting.set(message.mid, resolve);
        hydra.sendMessage(message).catch(reject);
      });
    return { sum: (numbers) => call('sum', numbers), echo: (body) => call('echo', body) };
  },
};
