import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { forgetProcess, watchProcess } from '../../../tools/watchdog.mjs';
import type { Facts } from '../support/report.js';
import { median, range } from '../support/statistics.js';

const APPLICATION = fileURLToPath(new URL('./start/application.mjs', import.meta.url));
const KINDS = { ours: 'hydra', 'Nest Redis': 'redis' } as const;

/** How long it takes from the start of a process to the answer of the first call that it makes to itself, in turns. */
export async function startTimes(redisUrl: string, rounds: number): Promise<readonly Facts[]> {
  const times: Record<keyof typeof KINDS, number[]> = { ours: [], 'Nest Redis': [] };
  // The first round reads the files into the memory of the system.
  for (let round = 0; round <= rounds; round++) {
    for (const name of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
      const ms = await timeToAnswer(KINDS[name], redisUrl);
      if (round > 0) times[name].push(ms);
    }
  }
  const ratios = times.ours.map((ms, round) => ms / times['Nest Redis'][round]!);
  return Object.entries(times).map(([name, ms]) => ({
    application: name,
    ms: median(ms).toFixed(0),
    'lowest – highest': range(ms)
      .map((one) => one.toFixed(0))
      .join(' – '),
    '× Nest Redis': name === 'ours' ? median(ratios).toFixed(2) : '1.00',
  }));
}

async function timeToAnswer(kind: string, redisUrl: string): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [APPLICATION, kind, redisUrl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  watchProcess(child.pid!);
  const exited = once(child, 'exit');
  const [answer] = (await Promise.race([once(child.stdout, 'data'), exited])) as [unknown];
  const ms = performance.now() - startedAt;
  if (String(answer) !== '6\n') throw new Error(`the application "${kind}" answered ${String(answer)}`);
  await exited;
  forgetProcess(child.pid!);
  return ms;
}
