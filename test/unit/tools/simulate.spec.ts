import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

describe.each(['SIGINT', 'SIGTERM'] as const)('a simulation of many seeds that is ended by %s', (signal) => {
  it('tells of what it has run, and leaves no process', async () => {
    const child = spawn(process.execPath, ['tools/simulate.mjs', '--seeds', '1000', '--processes', '1']);
    const lines: string[] = [];
    const ended = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line === '1000 seeds from 1, in 1 processes') child.kill(signal);
    }
    // Its output is open as long as one of its processes is there.
    expect(await ended).toEqual([0, null]);
    expect(lines.at(-1)).toMatch(/^ended early: \d+ seeds in .*, 0 with broken promises$/);
  }, 60_000);
});
