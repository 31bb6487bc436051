import { HydraTest } from 'nestjs-hydra/testing';
import request from 'supertest';

import { GatewayModule } from './gateway.module.js';
import { MathModule } from './math.module.js';

describe('the services, without a Redis', () => {
  it('answer over HTTP, also when one of their instances is killed', async () => {
    const test = await HydraTest.create({
      modules: [
        { module: MathModule, replicas: 2 },
        { module: GatewayModule, http: true },
      ],
    });
    const gateway = test.instance('gateway').httpServer;
    await request(gateway as never)
      .get('/sum?n=1,2,3')
      .expect(200);
    test.instance('math#1').process.kill();
    await test.clock.advance('1 min');
    const { body } = await request(gateway as never)
      .get('/sum?n=1,2')
      .expect(200);
    expect(body).toEqual({ sum: 3, instance: test.instance('math#2').id });
    await test.close();
  });
});
