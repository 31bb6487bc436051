import * as fc from 'fast-check';

import { answerOf, contentOf, startBackends, type Backends } from './backends.js';
import { commandsOf, FAMILIES } from './sequences.js';

const RUNS = Number(process.env['HYDRA_CONFORMANCE_RUNS'] ?? 6);
const SEED = Number(process.env['HYDRA_CONFORMANCE_SEED'] ?? 1);
const COMMANDS = 120;

/** Sequences that were answered differently once. */
const FOUND: Readonly<Record<string, readonly string[][][]>> = {
  streams: [
    [['xrange', 'a', '-', '+', 'COUNT', '0']],
    [
      ['xgroup', 'CREATE', 'a', 'g', '0', 'MKSTREAM'],
      ['xclaim', 'a', 'g', 'k', '0', 'x'],
      ['xclaim', 'a', 'g', 'k', '0', '5-*'],
      ['xclaim', 'a', 'g', 'k', '0', 'JUSTID'],
    ],
  ],
};

let backends: Backends;

beforeAll(async () => {
  backends = await startBackends();
});

async function compare(commands: readonly string[][]): Promise<void> {
  const { real, memory } = backends;
  await Promise.all([reset(real), reset(memory)]);
  for (const [at, command] of commands.entries()) {
    const [expected, actual] = await Promise.all([answerOf(real, command), answerOf(memory, command)]);
    expect({ at, command, answer: actual }).toEqual({ at, command, answer: expected });
  }
  await Promise.all([endTransaction(real), endTransaction(memory)]);
  expect(await contentOf(memory)).toEqual(await contentOf(real));
}

async function reset(redis: Backends['real']): Promise<void> {
  await endTransaction(redis);
  await redis.flushall();
}

function endTransaction(redis: Backends['real']): Promise<unknown> {
  return redis.call('DISCARD').catch(() => redis.call('UNWATCH'));
}

describe('a Redis in memory answers as a real one', () => {
  it.each(Object.keys(FAMILIES))('%s', async (family) => {
    const property = fc.asyncProperty(commandsOf(family, COMMANDS), compare);
    const examples = (FOUND[family] ?? []).map((commands): [string[][]] => [commands]);
    await fc.assert(property, { seed: SEED, numRuns: RUNS + examples.length, examples });
  });
});
