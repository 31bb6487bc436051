import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class ToldController {
  @QueuePattern('tell', { concurrency: 1 })
  tell(data: unknown): unknown {
    return data;
  }
}

describe('the events of a queue', () => {
  it('tell of jobs that were added, and that nothing waits any more', async () => {
    Logger.overrideLogger(false);
    const options = { service: uniqueService('told'), redis: await testRedis() };
    const worker = await startService(options, [ToldController]);
    const caller = await startCaller(options, []);
    const queue = caller.app.get(QueueService);
    const told: string[] = [];
    queue.events().subscribe(({ type, id }) => told.push(`${type} ${id}`));
    // A process that adds asks now and then whether somebody listens.
    let plain = '';
    const isTold = async () => {
      ({ id: plain } = await queue.add('tell', 1));
      return told.some((line) => line.startsWith('added '));
    };
    await eventually(isTold, { what: 'what was added to be told', timeoutMs: 20_000, everyMs: 200 });
    await queue.pause();
    const { id } = await queue.add('tell', 2, { id: 'own', priority: 1 });
    await queue.addBulk([3, 4, 5].map((data) => ({ pattern: 'tell', data })));
    await eventually(() => told.includes('added own'), { what: 'one with an id' });
    told.length = 0;
    await queue.resume();
    await eventually(() => told.includes('drained '), {
      what: 'nothing to wait any more',
      timeoutMs: 20_000,
    });
    const completed = told.slice(0, told.indexOf('drained ')).filter((line) => line.startsWith('completed'));
    expect(completed.length).toBeGreaterThanOrEqual(1);
    expect(told.some((line) => line === `completed ${id}`)).toBe(true);
    expect(plain).not.toBe('');
    await caller.close();
    await worker.close();
  }, 60_000);
});
