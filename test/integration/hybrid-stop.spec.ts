import { Controller, Get } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraError, HydraHttpClient } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startHybrid } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

let finish: (text: string) => void;
let entered: () => void;
const isEntered = new Promise<void>((resolve) => (entered = resolve));

@Controller()
class Orders {
  @Get('slow')
  slow(): Promise<string> {
    entered();
    return new Promise((resolve) => (finish = resolve));
  }

  @MessagePattern('sum')
  sum(): number {
    return 3;
  }
}

describe('a hybrid application that stops', () => {
  it('is found for neither HTTP nor calls while its HTTP requests finish', async () => {
    const redis = await testRedis();
    const service = uniqueService('hybrid');
    const hybrid = await startHybrid({ service, redis, host: '127.0.0.1' }, [Orders]);
    const caller = await startInstance({ service: uniqueService('caller'), redis });
    const { discovery } = caller;
    const http = new HydraHttpClient(caller, discovery);
    const client = new HydraClient(asOwnClient({ service, redis }));
    atEnd(() => client.close());
    const found = () => discovery.instances(service).find((instance) => instance.id === hybrid.id);
    await eventually(() => (found()?.port ?? 0) > 0, { what: 'its port' });
    expect(await firstValueFrom(client.send('sum', {}))).toBe(3);

    const slow = http.request(`${service}:[get]/slow`);
    await isEntered;
    const closing = hybrid.close();
    await eventually(() => found()?.capabilities?.draining === true, { what: 'that it says so' });
    expect(found()).toMatchObject({ port: 0, capabilities: { draining: true } });
    await expect(http.request(`${service}:[get]/slow`)).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    // Answered by it, or refused so that the caller may try elsewhere.
    const call = await firstValueFrom(client.send('sum', {})).catch((error: unknown) => error);
    if (call !== 3) expect(call).toMatchObject({ retryable: true });
    expect(call instanceof HydraError || call === 3).toBe(true);
    finish('done');
    expect(await (await slow).text()).toBe('done');
    await closing;
    await eventually(() => found() === undefined, { what: 'that it has left' });
  });
});
