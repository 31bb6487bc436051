import { seededRandom } from '../../lib/testing/seeded-random.js';
import { answerOf, contentOf, startBackends, type Backends } from './backends.js';
import { commandsOf, FAMILIES } from './sequences.js';

const SEEDS = Number(process.env['HYDRA_CONFORMANCE_SEEDS'] ?? 6);
const COMMANDS = 120;

let backends: Backends;

beforeAll(async () => {
  backends = await startBackends();
});

async function compare(commands: readonly string[][]): Promise<void> {
  const { real, memory } = backends;
  await Promise.all([real.flushall(), memory.flushall()]);
  for (const [at, command] of commands.entries()) {
    const [expected, actual] = await Promise.all([answerOf(real, command), answerOf(memory, command)]);
    expect({ at, command, answer: actual }).toEqual({ at, command, answer: expected });
  }
  expect(await contentOf(memory)).toEqual(await contentOf(real));
}

describe('a Redis in memory answers as a real one', () => {
  const seeds = Array.from(
    { length: SEEDS },
    (_, seed) => seed + Number(process.env['HYDRA_CONFORMANCE_FROM'] ?? 1),
  );
  const cases = Object.keys(FAMILIES).flatMap((family) => seeds.map((seed) => [family, seed] as const));

  it.each(cases)('%s, seed %d', async (family, seed) => {
    await compare(commandsOf(family, COMMANDS, seededRandom(seed)));
  });
});
