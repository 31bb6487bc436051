/** A process that watches everything, as a user's would, and says what it saw and when. */
import { answerCommands } from '../support/commands.js';
import { HydraInstance, resolveOptions } from './library.js';

const options = resolveOptions({ service: 'bench-watcher', redis: process.env['BENCH_REDIS_URL'] ?? '' });
let instance = new HydraInstance(options);
const seenAt: number[] = [];

const now = () => performance.timeOrigin + performance.now();
const known = () =>
  instance.discovery
    .services()
    .filter((name) => name.startsWith('bench-'))
    .reduce((sum, name) => sum + instance.discovery.instances(name).length, 0);

async function until(test: (count: number) => boolean): Promise<void> {
  while (!test(known())) await new Promise((resolve) => setTimeout(resolve, 5));
}

answerCommands({
  /** Starts to watch; returns how many milliseconds it took to know them all. */
  async watch({ expected }: { expected: number }): Promise<number> {
    const startedAt = now();
    await instance.open();
    instance.discovery.watch('*');
    await until((count) => count >= expected);
    return now() - startedAt;
  },
  heed(): void {
    instance.discovery.changes$.subscribe(({ kind }) => {
      if (kind === 'join') seenAt.push(now());
    });
  },
  seen: () => seenAt,
  /** Resolves, with the instant, once so many are left. */
  async left({ count }: { count: number }): Promise<number> {
    await until((left) => left <= count);
    return now();
  },
  async look({ times }: { times: number }): Promise<number> {
    const startedAt = performance.now();
    for (let look = 0; look < times; look++) instance.discovery.instances('bench-0');
    return ((performance.now() - startedAt) * 1e6) / times;
  },
  async close(): Promise<void> {
    await instance.close();
    instance = new HydraInstance(options);
  },
});
