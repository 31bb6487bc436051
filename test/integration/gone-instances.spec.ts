import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

describe('what a caller remembers of an instance', () => {
  it('ends with the instance', async () => {
    const service = uniqueService('gone');
    const redis = await testRedis();
    const caller = await startInstance(
      { service: allow(uniqueService('caller'), { calls: [service] }), redis },
      { announce: false },
    );
    const client = new HydraClient({ service }, caller);
    const server = await startService({ service, redis }, [PingController]);
    const [instance] = await caller.discovery.waitFor(service);
    await firstValueFrom(client.send('ping', {}));
    const { loads, breaker } = caller.calls.chooser;
    for (let times = 0; times < 5; times++) breaker.failed(instance!.id);
    expect(loads.size).toBe(1);
    expect(client.circuits).toHaveLength(1);

    await server.close();
    await eventually(() => !caller.discovery.has(service), { what: 'its leaving' });
    expect(loads.size).toBe(0);
    expect(client.circuits).toEqual([]);
  });
});
