import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from '../../support/ioredis.js';
import type { JobData, Peer } from '../peer.js';

interface Message {
  readonly bdy: JobData;
}

/** What is used of Hydra 1.9. */
interface Hydra {
  init(config: object): Promise<unknown>;
  registerService(): Promise<unknown>;
  createUMFMessage(message: object): object;
  queueMessage(message: object): Promise<unknown>;
  getQueuedMessage(service: string): Promise<Message | null>;
  markQueueMessage(message: Message, completed: boolean): Promise<unknown>;
}

const SERVICE = 'hydra-jobs';
const IDLE_MS = 10;
const require = createRequire(import.meta.url);

async function start(serviceName: string, redisUrl: string): Promise<Hydra> {
  // These would override what it is told here.
  delete process.env['HYDRA_REDIS_URL'];
  delete process.env['HYDRA_SERVICE'];
  const hydra = require('hydra') as Hydra;
  await hydra.init({
    hydra: { serviceName, serviceIP: '127.0.0.1', servicePort: 0, redis: { url: `${redisUrl}/0` } },
  });
  await hydra.registerService();
  return hydra;
}

export const peer: Peer = {
  async produce(redisUrl) {
    const hydra = await start('hydra-producer', redisUrl);
    const redis = new Redis(redisUrl);
    const add = (bdy: JobData) =>
      hydra.queueMessage(hydra.createUMFMessage({ to: `${SERVICE}:/work`, frm: 'hydra-producer:/', bdy }));
    return {
      add,
      addBulk: (jobs) => Promise.all(jobs.map(add)),
      waiting: () => redis.llen(`hydra:service:${SERVICE}:mqrecieved`),
    };
  },
  /** It has no loop of its own: this is what its users write. */
  async consume(redisUrl, concurrency, handle) {
    const hydra = await start(SERVICE, redisUrl);
    const state = { isRunning: false };
    const loop = async () => {
      while (state.isRunning) {
        const message = await hydra.getQueuedMessage(SERVICE);
        if (!message) await sleep(IDLE_MS);
        else {
          // It adds a reason to the body when it marks the message, and looks for the text without one.
          handle(message.bdy);
          await hydra.markQueueMessage(message, true);
        }
      }
    };
    return {
      async resume() {
        state.isRunning = true;
        for (let n = 0; n < concurrency; n++) void loop();
      },
      async pause() {
        state.isRunning = false;
      },
    };
  },
};
