import type { INestApplication, INestMicroservice } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DiscoveryService, getClientToken, HydraClient, HydraError, HydraServer } from 'nestjs-hydra';
import { firstValueFrom } from 'rxjs';
import request from 'supertest';

import { GatewayModule } from '../src/gateway.module.js';
import { MathModule } from '../src/math.module.js';

describe('GET /sum', () => {
  let math: INestMicroservice;
  let gateway: INestApplication;

  beforeAll(async () => {
    const service = await Test.createTestingModule({ imports: [MathModule] }).compile();
    math = service.createNestMicroservice({ strategy: service.get(HydraServer) });
    await math.listen();
    const caller = await Test.createTestingModule({ imports: [GatewayModule] }).compile();
    gateway = caller.createNestApplication();
    await gateway.init();
    await gateway.get(DiscoveryService).waitFor('math');
  });

  afterAll(async () => {
    await gateway.close();
    await math.close();
  });

  it('is answered by an instance of math', async () => {
    const { body } = await request(gateway.getHttpServer()).get('/sum?n=1,2,3').expect(200);
    expect(body).toEqual({ sum: 6, instance: math.get(DiscoveryService).instanceId });
  });

  it('tells of a missing handler with the class that the application knows', async () => {
    const client = gateway.get<HydraClient>(getClientToken('math'));
    const error: unknown = await firstValueFrom(client.send('nothing', {})).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HydraError);
    expect(error).toMatchObject({ code: 'NO_HANDLER' });
  });
});
