import { answerCommands } from '../support/commands.js';
import { mustBeEachOnce } from '../support/load.js';
import { percentile } from '../support/statistics.js';
import { now, ownPeer, type JobData } from './peer.js';

const { peer, redisUrl } = await ownPeer();
const concurrency = Number(process.env['BENCH_CONCURRENCY']);

let ids: number[] = [];
let latencies: number[] = [];
let expected = Infinity;
let whenDone: (() => void) | undefined;

const handle = ({ id, at }: JobData): void => {
  ids.push(id);
  latencies.push(now() - at);
  if (ids.length === expected) whenDone?.();
};
const consumer = await peer.consume(redisUrl, concurrency, handle);

function start(count: number): Promise<void> {
  ids = [];
  latencies = [];
  expected = count;
  return new Promise((resolve) => (whenDone = resolve));
}

let handled = Promise.resolve();

let heard = 0;

answerCommands({
  async listen({ isDurable }: { isDurable: boolean }) {
    await peer.listen!(redisUrl, () => heard++, isDurable);
  },
  heard: () => heard,
  /** Handles so many jobs that wait already. */
  async handle({ count }: { count: number }) {
    const done = start(count);
    const startedAt = performance.now();
    await consumer.resume();
    await done;
    const elapsedMs = performance.now() - startedAt;
    await consumer.pause();
    mustBeEachOnce(ids, count);
    return elapsedMs;
  },
  /** Gets ready for so many jobs that are still to come. */
  async expect({ count }: { count: number }) {
    handled = start(count);
    await consumer.resume();
  },
  /** Waits for them, and says how long after its adding each was picked up. */
  async latencies({ count }: { count: number }) {
    await handled;
    await consumer.pause();
    mustBeEachOnce(ids, count);
    const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map((share) => percentile(latencies, share));
    return { p50Ms, p99Ms, maxMs };
  },
});
