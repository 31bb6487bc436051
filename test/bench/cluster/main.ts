import { startRedisCluster } from '../../../tools/redis-cluster.mjs';
import { startPair } from '../rpc/pair.js';
import { redisOnly } from '../rpc/peer.js';
import { benchOptions } from '../support/options.js';
import { Report } from '../support/report.js';
import { compare } from '../support/rounds.js';

/** Calls on a Cluster beside the same calls on one Redis, in turns. */
const options = benchOptions();
const report = new Report('cluster', options);
const { redisUrl, runMs } = options;
/** Many short ones: what disturbs the machine disturbs both sides of a round alike, and the ratio is the median over all. */
const rounds = options.rounds * 3;

const cluster = await startRedisCluster({ log: (line) => options.log(line) });
const place = redisOnly(redisUrl);
const onCluster = JSON.stringify({ cluster: cluster.seeds });
const pairs = [
  await startPair('one Redis', 'ours', place),
  await startPair('Cluster of 3', 'ours-cluster', { ...place, redisUrl: onCluster }),
];
for (const concurrency of [1, 50]) {
  const contestants = pairs.map((pair) => ({
    name: pair.name,
    run: () => pair.run({ operation: 'sum', concurrency, durationMs: runMs }),
  }));
  report.compared(
    `sum of five numbers, c = ${concurrency}`,
    await compare(contestants, { redisUrl, rounds }),
    ['one Redis'],
  );
}
await Promise.all(pairs.map((pair) => pair.stop()));
await cluster.stop();
report.end();
