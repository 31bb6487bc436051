import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { HydraLogger, QueueService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

describe('the command line at a replica', () => {
  it('reads, and says why it cannot write', async () => {
    const [primary, replica] = [await startPrivateRedis(), await startPrivateRedis()];
    const { app, id } = await startService({ service: 'shop', redis: primary.url }, [SumController]);
    await app.get(QueueService).add('sum', [1]);
    app.get(HydraLogger).error('no such file\n    at open');
    await app.get(HydraLogger).flush();
    const { store } = await openStore('shop', {}, { redis: primary.url });
    await store.put('1.0.0', { limit: 5 });
    const admin = new Redis(replica.url);
    atEnd(() => admin.disconnect());
    const { hostname, port } = new URL(primary.url);
    await admin.replicaof(hostname, Number(port));
    await eventually(async () => (await admin.exists('hydra:service:shop:mqrecieved')) === 1, {
      what: 'the replica to have all',
      timeoutMs: 20_000,
    });

    const run = (...args: string[]) => runInProcess([...args, '--redis', replica.url]);
    const isReading = async (args: string[], out: RegExp) =>
      expect([args, await run(...args)]).toEqual([
        args,
        {
          code: 0,
          out: expect.stringMatching(out),
          err: expect.stringMatching(/^(?:no worker of \S+ reads it\n)?$/),
        },
      ]);
    await isReading(['services'], /^shop +1 /m);
    await isReading(['instances', 'shop'], new RegExp(`^shop +${id.slice(0, 8)} `, 'm'));
    await isReading(['nodes'], new RegExp(`^shop +${id.slice(0, 8)} `, 'm'));
    await isReading(['queue', 'counts', 'shop'], /^1 +0 +0 /m);
    await isReading(['queue', 'list', 'shop', 'waiting'], / sum /);
    // Further lines of an entry are indented: they are no entries.
    await isReading(['logs', 'shop'], /^\S+ error [\da-f]{8} no such file\n {8}at open$/m);
    await isReading(['config', 'list', 'shop'], /^1\.0\.0 +1 /m);

    for (const args of [
      ['queue', 'pause', 'shop'],
      ['config', 'remove', 'shop:1.0.0', '--yes'],
    ]) {
      const { code, err } = await run(...args);
      expect([args, code, err]).toEqual([args, 5, expect.stringContaining('READONLY')]);
      expect(err).toContain('only its primary can be written');
    }
  }, 60_000);
});
