import * as index from '../../lib/index.js';
import * as scripts from '../../lib/streams/scripts/publish-scripts.js';
import * as testing from '../../lib/testing/testing.js';
import { MemorySpeed } from '../support/memory-speed.js';

const speed = new MemorySpeed({ index, testing, scripts });

/** Ten times what a machine that does nothing else needs: it shows what has become slow by itself. `npm run bench -- memory` measures. */
describe('a Redis in memory', () => {
  it('starts an application of three services at once', async () => {
    await speed.start();
    expect((await speed.start()).cpuMs).toBeLessThan(1_500);
  });

  it('runs 1,000 jobs with an hour of retries in seconds', async () => {
    expect((await speed.jobs()).cpuMs).toBeLessThan(15_000);
  });

  it("runs thousands of commands and of the library's scripts a second", async () => {
    const commands = await speed.commands(10_000);
    expect((commands.count / commands.cpuMs) * 1_000).toBeGreaterThan(2_000);
    const own = await speed.scripts(2_000);
    expect((own.count / own.cpuMs) * 1_000).toBeGreaterThan(500);
  });
});
