import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ran: number[] = [];
let open: () => void;
const opened = new Promise<void>((resolve) => (open = resolve));

@Controller()
class NoteController {
  @MessagePattern('note')
  async note(n: number): Promise<number> {
    ran.push(n);
    if (n === 2) await opened;
    return n;
  }
}

/** A client whose connections go through a proxy, and an instance whose connections do not. */
async function start() {
  const redis = await testRedisUrl();
  const proxy = await startProxy(redis);
  const service = uniqueService('doubt');
  await startService({ service, redis }, [NoteController]);
  const client = new HydraClient({ service, redis: proxy.url, timeoutMs: 10_000 });
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 1, { what: 'the instance' });
  ran.length = 0;
  return { client, proxy };
}

describe('a call that may run once, whose connection breaks before Redis has said that it took the call', () => {
  it('is answered, and runs once, where Redis never got it', async () => {
    const { client, proxy } = await start();
    proxy.freeze();
    const answer = firstValueFrom(client.send<number>('note', 1));
    await new Promise((resolve) => setImmediate(resolve));
    proxy.sever();
    proxy.thaw();
    expect(await answer).toBe(1);
    expect(ran).toEqual([1]);
  });

  it('is answered, and runs once, where Redis got it', async () => {
    const { client, proxy } = await start();
    const answer = firstValueFrom(client.send<number>('note', 2));
    proxy.freezeAnswers();
    await eventually(() => ran.length === 1, { what: 'the handler' });
    proxy.sever();
    proxy.thaw();
    const [, subscriber] = client.unwrap();
    await eventually(() => subscriber.status === 'ready', { what: 'the new connection' });
    open();
    expect(await answer).toBe(2);
    expect(ran).toEqual([2]);
  });
});
