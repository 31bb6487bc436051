import { answerCommands } from '../support/commands.js';
import { runLoad, type Load } from '../support/load.js';
import { percentile } from '../support/statistics.js';
import { peerNamed, readingOf } from './peer.js';

const [name = '', role = '', redisUrl = ''] = process.argv.slice(2);
const peer = await peerNamed(name);

const seen: number[] = [];
const delays: number[] = [];
const publish = role === 'publisher' ? await peer.publish(redisUrl) : undefined;
if (role === 'consumer') {
  await peer.consume(redisUrl, ({ id, at }) => {
    seen.push(id);
    delays.push(Date.now() - at);
  });
}

answerCommands({
  publish: (load: Load) =>
    runLoad(load, async (id) => {
      await publish!(readingOf(id));
      return id;
    }),
  /** One reading every `everyMs`, for the delay of each. */
  trickle: async ({ count, everyMs }: { count: number; everyMs: number }) => {
    for (let id = 1; id <= count; id++) {
      await publish!(readingOf(id));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  },
  count: () => seen.length,
  forget: () => void (seen.length = delays.length = 0),
  seen: () => seen,
  delays: () => ({ p50Ms: percentile(delays, 0.5), p99Ms: percentile(delays, 0.99) }),
});
