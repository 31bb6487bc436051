import { fileURLToPath } from 'node:url';

import { takesPart, type BenchOptions } from '../support/options.js';
import type { Report } from '../support/report.js';
import { compare } from '../support/rounds.js';
import type { CallLoad } from './caller.js';
import { startPair, type Pair } from './pair.js';
import type { Place } from './peer.js';

type Bench = { readonly options: BenchOptions; readonly report: Report; readonly place: Place };

const RIVALS = ['Nest Redis', 'Nest TCP', 'floor, coalesced', 'floor, with Nest'];
const STREAMING = ['ours', 'Nest Redis', 'Nest TCP', 'Nest NATS'];
const PEERS: Readonly<Record<string, string>> = {
  ours: 'ours',
  'Nest Redis': 'nest-redis',
  'Nest TCP': 'nest-tcp',
  'Nest NATS': 'nest-nats',
  'Nest gRPC': 'nest-grpc',
  'HTTP, undici to Fastify': 'http',
  'Moleculer on Redis': 'moleculer',
  'Hydra 1.9': 'hydra',
  'floor, singly': 'floor-singly',
  'floor, coalesced': 'floor-coalesced',
  'floor, with Nest': 'floor-nest',
};

/** Ours beside its peers: calls by concurrency, by size, and streamed replies. */
export async function compareTransports(bench: Bench): Promise<void> {
  const pairs = await startPairs(bench);
  const calls = (title: string, load: Omit<CallLoad, 'durationMs'>, chosen = pairs) =>
    compareCalls(bench, title, load, chosen);
  for (const concurrency of [1, 64, 256]) {
    await calls(`sum of five numbers, c = ${concurrency}`, { operation: 'sum', concurrency });
  }
  for (const bytes of [100, 1_024, 10_240]) {
    await calls(`echo of ${bytes} bytes, c = 64`, { operation: 'echo', bytes, concurrency: 64 });
  }
  const streaming = pairs.filter(({ name }) => STREAMING.includes(name));
  await calls('reply of 1,000 values, c = 4', { operation: 'count', concurrency: 4 }, streaming);
  await Promise.all(pairs.map((pair) => pair.stop()));
}

async function startPairs({ options, report, place }: Bench): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const [name, file] of Object.entries(PEERS)) {
    if (!takesPart(options, name)) continue;
    if (name === 'Nest NATS' && !place.natsUrl) report.note('Nest NATS is left out: no nats-server on PATH');
    // Nest looks for its client library from where Nest itself is.
    else pairs.push(await startPair(name, file, place, { servers: [PEERS_ON_PATH], caller: PEERS_ON_PATH }));
  }
  return pairs;
}

const PEERS_ON_PATH = { NODE_PATH: fileURLToPath(new URL('../node_modules', import.meta.url)) };

async function compareCalls(
  { options, report }: Bench,
  title: string,
  load: Omit<CallLoad, 'durationMs'>,
  pairs: readonly Pair[],
): Promise<void> {
  const { redisUrl, rounds, runMs } = options;
  const contestants = pairs.map((pair) => ({
    name: pair.name,
    run: () => pair.run({ ...load, durationMs: runMs }),
  }));
  report.compared(title, await compare(contestants, { redisUrl, rounds }), RIVALS);
}
