import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import {
  ConfigStore,
  HydraClient,
  HydraHttpClient,
  HydraJobContext,
  QueuePattern,
  QueueService,
  StreamService,
} from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { allow, asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const lost = () => ({ lines: [{ price: Number.NaN }, { weights: Float32Array.of(1.5) }] });

@Controller()
class Handlers {
  static readonly ran: unknown[] = [];

  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @MessagePattern('lost')
  lost(): unknown {
    return lost();
  }

  @EventPattern('event')
  event(data: unknown): void {
    Handlers.ran.push(data);
  }

  @QueuePattern('job')
  async job(_data: unknown, context: HydraJobContext): Promise<unknown> {
    Handlers.ran.push(await context.progress(lost()).catch(({ code }) => code));
    return lost();
  }
}

const service = uniqueService('payloads');
let app: Awaited<ReturnType<typeof startCaller>>['app'];
let client: HydraClient;

beforeAll(async () => {
  const redis = await testRedis();
  await startService({ service, redis }, [Handlers]);
  ({ app } = await startCaller(
    { service: allow(uniqueService('payload-caller'), { calls: [service], queues: [service] }), redis },
    [],
  ));
  client = new HydraClient(asOwnClient({ service, redis }));
  atEnd(() => client.close());
});

const where = { code: 'BAD_PAYLOAD', message: expect.stringContaining('lines[0].price is NaN') };

describe('what JSON would turn into something else', () => {
  it('is refused in a call, in an event and in an answer', async () => {
    await expect(firstValueFrom(client.send('echo', lost()))).rejects.toMatchObject({
      ...where,
      mayHaveRun: false,
    });
    await expect(firstValueFrom(client.emit('event', lost()))).rejects.toMatchObject(where);
    await expect(firstValueFrom(client.broadcast('event', lost()))).rejects.toMatchObject(where);
    await expect(firstValueFrom(client.send('lost', {}))).rejects.toMatchObject({
      ...where,
      mayHaveRun: true,
    });
    expect(Handlers.ran).toEqual([]);
  });

  it('is refused as the data of a job, an entry, a schedule, a configuration and a body', async () => {
    const queue = app.get(QueueService);
    await expect(queue.add('job', lost(), { service })).rejects.toMatchObject(where);
    await expect(queue.addBulk([{ pattern: 'job', data: lost() }])).rejects.toMatchObject(where);
    await expect(queue.repeat('name', '* * * * *', 'job', lost())).rejects.toMatchObject(where);
    await expect(app.get(StreamService).publish('stream', lost())).rejects.toMatchObject(where);
    await expect(app.get(ConfigStore).put('1.0.0', lost())).rejects.toMatchObject({
      ...where,
      code: 'CONFIG_INVALID',
    });
    const answer = app.get(HydraHttpClient).request(`${service}:[post]/v1`, { body: lost() });
    await expect(answer).rejects.toMatchObject(where);
  });

  it('is no result of a job, which is completed and says why in the log, and no progress', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const job = await app.get(QueueService).add('job', {}, { service });
    expect(await job.result()).toBeUndefined();
    expect(Handlers.ran).toEqual(['BAD_PAYLOAD']);
    const lines = warn.mock.calls.map(([line]) => String(line));
    warn.mockRestore();
    expect(lines).toEqual([
      expect.stringMatching(/is completed without its result: .*lines\[0\]\.price is NaN/),
    ]);
  });
});
