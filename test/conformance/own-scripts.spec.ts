import * as fc from 'fast-check';
import type { Redis } from 'ioredis';

import { countScriptsInSources, ownScripts, scriptNamesInSources } from '../support/own-scripts.js';
import { startPrivateRedis } from '../support/redis.js';
import { answerOf, contentOf, sorted, startBackends, type Backends } from './backends.js';
import { comparable } from './comparable.js';
import { recordCommands, timed } from './recorded-commands.js';

const RUNS = Number(process.env['HYDRA_CONFORMANCE_RUNS'] ?? 6);
const SEED = Number(process.env['HYDRA_CONFORMANCE_SEED'] ?? 1);
/** Of what was recorded, in one sequence. */
const COMMANDS = 150;
const SHORT_LIFE_MS = 60_000;
/** What takes the place of an argument now and then. */
const ODD = ['', '0', '1', 'x', '[]', '{}', '{"a":1}', '\u00e9'];

let backends: Backends;
let recorded: string[][];

beforeAll(async () => {
  backends = await startBackends();
  recorded = await recordCommands((await startPrivateRedis()).url);
});

async function compare(commands: readonly string[][]): Promise<void> {
  const { real, memory } = backends;
  await Promise.all([real.flushall(), memory.flushall()]);
  for (const [at, timeless] of commands.entries()) {
    const command = timed(timeless, at);
    const answers = await Promise.all([answerOf(real, command), answerOf(memory, command)]);
    // What comes from a large hash has no order.
    const [expected, actual] = answers.map((answer) =>
      sorted(comparable(saysHowLong(command) ? withoutLife(answer) : answer)),
    );
    if (saysHowIdle(command) || isPageOfMany(command)) continue;
    expect({ at, command, answer: actual }).toEqual({ at, command, answer: expected });
  }
  await dropShortLived([real, memory]);
  expect(await contentOf(memory)).toEqual(await contentOf(real));
}

/** What lives for some seconds may have lapsed at one of the two alone, where the machine is slow. */
async function dropShortLived(both: readonly Redis[]): Promise<void> {
  for (const redis of both) {
    for (const name of await redis.keys('*')) {
      const leftMs = await redis.pttl(name);
      if (leftMs >= 0 && leftMs < SHORT_LIFE_MS) await Promise.all(both.map((one) => one.del(name)));
    }
  }
}

/** Where a page ends, and what is on it, is the server's own affair: only that all pages together hold all is promised. */
function isPageOfMany([name]: readonly string[]): boolean {
  return ['scan', 'hscan', 'sscan', 'zscan'].includes(name!);
}

/** Its answer holds milliseconds since something happened. */
function saysHowIdle([name, ...args]: readonly string[]): boolean {
  return (
    (name === 'xinfo' && args[0]!.toLowerCase() === 'consumers') || (name === 'xpending' && args.length > 2)
  );
}

/** Its answer is, or begins with, how many milliseconds are left of a life, or 0. */
function saysHowLong([name, text]: readonly string[]): boolean {
  return name === 'eval' && /\breturn\b.*'PTTL'/.test(text ?? '');
}

function withoutLife(answer: unknown): unknown {
  if (typeof answer === 'number') return answer > 0;
  if (!Array.isArray(answer) || typeof answer[0] !== 'number') return answer;
  const [life, ...rest] = answer as [number, ...unknown[]];
  return [life > 0, ...rest];
}

/** Some of what was recorded, in its order, with an odd argument here and there. */
function altered(): fc.Arbitrary<string[][]> {
  // Half a transaction would have all that comes behind it queued.
  const whole = recorded.filter(([name]) => !['multi', 'exec'].includes(name!));
  const some = fc.subarray(whole, { minLength: 1, maxLength: COMMANDS });
  const change = fc.option(fc.record({ at: fc.nat(30), odd: fc.constantFrom(...ODD) }), { freq: 4 });
  return fc.tuple(some, fc.infiniteStream(change)).map(([commands, changes]) =>
    commands.map((command) => {
      const { value } = changes.next();
      // Neither the text of a script nor the number of its keys.
      const from = command[0] === 'eval' ? 3 : 1;
      if (!value || command.length <= from) return command;
      return command.with(from + (value.at % (command.length - from)), value.odd);
    }),
  );
}

describe('our own scripts on a Redis in memory', () => {
  it('are all known here, whichever file of the library makes them', async () => {
    const names = scriptNamesInSources();
    expect(names).toHaveLength(countScriptsInSources());
    expect((await ownScripts()).map(({ name }) => name).toSorted()).toEqual(names);
  });

  it('all compile', async () => {
    for (const { lua } of await ownScripts())
      expect(await backends.memory.script('LOAD', lua)).toBe(await backends.real.script('LOAD', lua));
  });

  it('are all among what is compared', async () => {
    const sent = new Set(recorded.filter(([name]) => name === 'eval').map(([, text]) => text));
    const others = (await ownScripts()).filter(({ lua }) => !sent.has(lua)).map(({ name }) => name);
    expect(others).toEqual([]);
  });

  it('answer as on a real one what an application sends', async () => {
    expect(recorded.filter(([name]) => name === 'eval').length).toBeGreaterThan(50);
    await compare(recorded);
  });

  it('answer as on a real one whatever of it is left out, or wrong', async () => {
    await fc.assert(fc.asyncProperty(altered(), compare), { seed: SEED, numRuns: RUNS });
  });
});
