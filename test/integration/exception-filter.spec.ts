import { Controller, Get, Module, type ArgumentsHost, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import request from 'supertest';

import {
  HydraClient,
  HydraError,
  HydraExceptionFilter,
  HydraModule,
  HydraServer,
  InjectClient,
} from '../../lib/index.js';
import { asOwnClient, asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const NOBODY = uniqueService('nobody');

@Controller()
class GatewayController {
  constructor(@InjectClient(NOBODY) private readonly nobody: HydraClient) {}

  @Get('call')
  call() {
    return this.nobody.send('sum', [1, 2]);
  }

  @Get('large')
  large(): never {
    throw new HydraError('PAYLOAD_TOO_LARGE', 'too much');
  }

  @Get('broken')
  broken(): never {
    throw new Error('secret');
  }

  @MessagePattern('forward')
  forward() {
    return this.nobody.send('sum', [1, 2]);
  }
}

describe('a HydraError that leaves a handler', () => {
  const service = uniqueService('gateway');
  let app: INestApplication;
  let client: HydraClient;

  beforeAll(async () => {
    const redis = await testRedis();
    @Module({
      imports: [
        HydraModule.forRoot(asOwnUser({ service, redis })),
        HydraModule.forFeature({ clients: [NOBODY] }),
      ],
      controllers: [GatewayController],
    })
    class GatewayModule {}
    app = await NestFactory.create(GatewayModule, { logger: false });
    app.connectMicroservice({ strategy: app.get(HydraServer) }, { inheritAppConfig: true });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    client = new HydraClient(asOwnClient({ service, redis }));
    await client.connect();
  });

  afterAll(async () => {
    await client.close();
    await app.close();
  });

  const get = (path: string) => request(app.getHttpServer() as never).get(path);

  it('is an exception of a GraphQL resolver, and told to the client of a gateway', () => {
    const filter = new HydraExceptionFilter();
    const error = new HydraError('TIMEOUT', 'no reply');
    const told: unknown[] = [];
    const socket = { emit: (...event: unknown[]) => told.push(event) };
    const hostOf = (type: string) =>
      ({ getType: () => type, switchToWs: () => ({ getClient: () => socket }) }) as unknown as ArgumentsHost;
    expect(() => filter.catch(error, hostOf('graphql'))).toThrow(error);
    expect(filter.catch(error, hostOf('ws'))).toBeUndefined();
    expect(told).toEqual([['exception', { status: 'error', ...error.toJSON() }]]);
  });

  it('is told to an HTTP client with a status that fits, and its code', async () => {
    const { status, body } = await get('/call');
    expect(status).toBe(503);
    expect(body).toMatchObject({ statusCode: 503, code: 'NO_INSTANCE', retryable: true });
    expect((await get('/large')).status).toBe(413);
  });

  it('leaves other errors to Nest', async () => {
    const { status, body } = await get('/broken');
    expect(status).toBe(500);
    expect(body).toEqual({ statusCode: 500, message: 'Internal server error' });
  });

  it('keeps its code on the way through a service', async () => {
    const failure = firstValueFrom(client.send('forward', {}));
    await expect(failure).rejects.toMatchObject({ code: 'NO_INSTANCE', retryable: true, mayHaveRun: true });
    await expect(failure).rejects.toBeInstanceOf(HydraError);
  });
});
