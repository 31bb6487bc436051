import {
  Catch,
  Controller,
  Get,
  HttpException,
  Logger,
  Module,
  NotFoundException,
  Param,
  Sse,
  type ArgumentsHost,
  type ExceptionFilter,
  type INestApplication,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { MessagePattern, RpcException } from '@nestjs/microservices';
import { firstValueFrom, interval, map } from 'rxjs';
import request from 'supertest';

import {
  HydraClient,
  HydraError,
  HydraModule,
  HydraRecordBuilder,
  InjectClient,
  type HydraOptions,
} from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startService } from '../support/app.js';
import { allow, asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ORDERS = uniqueService('orders');
const NOBODY = uniqueService('nobody');

@Controller()
class OrdersController {
  @MessagePattern('missing')
  missing(): never {
    throw new NotFoundException('no order 7');
  }

  @MessagePattern('own')
  own(): never {
    throw new HttpException({ code: 'SOLD_OUT', message: 'none left' }, 409);
  }

  @MessagePattern('rpc')
  rpc(): never {
    throw new RpcException({ status: 404, message: 'no order 8' });
  }

  @MessagePattern('generator')
  async *generator() {
    yield* [];
    throw new NotFoundException('no order 9');
  }

  @MessagePattern('secret')
  secret(): never {
    throw new Error('secret');
  }

  @MessagePattern('bigint')
  bigint() {
    return { id: 10n };
  }

  @MessagePattern('map')
  map() {
    return { ids: new Map([[1, 2]]) };
  }

  @MessagePattern('cycle')
  cycle() {
    const value: Record<string, unknown> = {};
    return Object.assign(value, { value });
  }

  @MessagePattern('large')
  large() {
    return 'x'.repeat(1_200_000);
  }
}

@Controller()
class GatewayController {
  constructor(
    @InjectClient(ORDERS) private readonly orders: HydraClient,
    @InjectClient(NOBODY) private readonly nobody: HydraClient,
  ) {}

  @Get('nobody')
  askNobody() {
    return this.nobody.send('sum', [1, 2]);
  }

  @Get('too-much')
  tooMuch() {
    return this.orders.send('missing', 'x'.repeat(1_200_000));
  }

  @Get('mistake/:retries')
  mistake(@Param('retries') retries: string) {
    return this.orders.send('missing', new HydraRecordBuilder({}).setTimeout(Number(retries) * -1).build());
  }

  @Sse('ticks')
  ticks() {
    return interval(10).pipe(map((data) => ({ data })));
  }

  @MessagePattern('forward')
  forward() {
    return this.orders.send('missing', {});
  }
}
for (const pattern of ['missing', 'own', 'rpc', 'generator', 'secret', 'bigint', 'map', 'cycle', 'large']) {
  const ask = function (this: { orders: HydraClient }) {
    return this.orders.send(pattern, {});
  };
  Object.defineProperty(GatewayController.prototype, pattern, { value: ask });
  Get(pattern)(GatewayController.prototype, pattern, { value: ask });
}

async function startGateway(options: Partial<HydraOptions> = {}, providers: Provider[] = []) {
  const redis = await testRedis();
  const service = allow(uniqueService('gateway'), { calls: [ORDERS, NOBODY] });
  @Module({
    imports: [
      HydraModule.forRoot(asOwnUser({ ...options, service, redis })),
      HydraModule.forFeature({ clients: [ORDERS, NOBODY] }),
    ],
    controllers: [GatewayController],
    providers,
  })
  class GatewayModule {}
  const app = await NestFactory.create(GatewayModule, { logger: ['error', 'warn'] });
  atEnd(() => app.close());
  await app.listen(0, '127.0.0.1');
  return app;
}

/** Every line that is logged from here on. */
function logged(): string[] {
  const lines: string[] = [];
  const keep = (...parts: unknown[]) => void lines.push(parts.map(String).join(' '));
  Logger.overrideLogger({ log: keep, warn: keep, error: keep });
  atEnd(() => Logger.overrideLogger(['error']));
  return lines;
}

describe('what a service failed with, at an HTTP gateway', () => {
  let gateway: INestApplication;
  const get = (path: string, app = gateway) => request(app.getHttpServer() as never).get(path);

  beforeAll(async () => {
    await startService({ service: ORDERS, redis: await testRedis() }, [OrdersController]);
    gateway = await startGateway();
    await firstValueFrom(gateway.get<HydraClient>(`HYDRA_CLIENT:${ORDERS}`).send('missing', {})).catch(
      () => undefined,
    );
  });

  it.each([
    ['missing', 404, { statusCode: 404, message: 'no order 7', error: 'Not Found' }],
    ['own', 409, { statusCode: 409, message: 'none left' }],
    ['rpc', 404, { statusCode: 404, message: 'no order 8' }],
    ['generator', 404, { statusCode: 404, message: 'no order 9', error: 'Not Found' }],
    ['secret', 500, { statusCode: 500, message: 'Internal server error' }],
  ])('has its status and its message: %s', async (pattern, status, expected) => {
    const { status: got, body } = await get(`/${pattern}`);
    expect([got, body]).toEqual([status, expected]);
  });

  it.each(['bigint', 'map', 'cycle', 'large'])(
    'is a fault of the service, said there and not to the client: an answer %s',
    async (pattern) => {
      const lines = logged();
      const { status, body } = await get(`/${pattern}`);
      expect(status).toBe(500);
      expect(body).toMatchObject({ message: 'Internal Server Error', retryable: false });
      const line = lines.find((text) => text.includes(`the answer of "${pattern}" cannot be sent`));
      expect(line).toContain('correlation id');
      expect(line).toContain('    at ');
    },
  );

  it('is a fault of the client where its own data is too large', async () => {
    const { status, body } = await get('/too-much');
    expect(status).toBe(413);
    expect(body).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', message: 'Payload Too Large' });
  });

  it('is a fault of the gateway where its own call is made wrongly, and each mistake is logged', async () => {
    const lines = logged();
    for (const retries of [1, 1, 2]) {
      const { status, body } = await get(`/mistake/${retries}`);
      expect([status, body]).toEqual([
        500,
        { statusCode: 500, code: 'BAD_OPTION', message: 'Internal Server Error', retryable: false },
      ]);
    }
    const told = lines.filter((line) => line.includes('500 to GET /mistake'));
    expect(told.map((line) => /got (-\d)/.exec(line)?.[1])).toEqual(['-1', '-2']);
  });

  it('is told without names, and logged with them at a bounded rate', async () => {
    const own = await startGateway();
    const lines = logged();
    for (let count = 0; count < 5; count++) {
      const { status, body, text } = await get('/nobody?token=hush', own);
      expect(status).toBe(503);
      expect(body).toEqual({
        statusCode: 503,
        code: 'NO_INSTANCE',
        message: 'Service Unavailable',
        retryable: true,
      });
      expect(text).not.toContain(NOBODY);
    }
    const told = lines.filter((line) => line.includes('503 to GET /nobody'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(NOBODY);
    expect(told[0]).not.toContain('hush');
  });
});

describe('the filter of the module', () => {
  @Catch(HydraError)
  class Mine implements ExceptionFilter<HydraError> {
    catch(error: HydraError, host: ArgumentsHost) {
      const response = host
        .switchToHttp()
        .getResponse<{ status(code: number): { json(body: object): void } }>();
      response.status(418).json({ mine: error.code });
    }
  }
  const get = (app: INestApplication, path: string) => request(app.getHttpServer() as never).get(path);

  it("is asked after a user's own, which the root module provides", async () => {
    const { status, body } = await get(
      await startGateway({}, [{ provide: APP_FILTER, useClass: Mine }]),
      '/nobody',
    );
    expect([status, body]).toEqual([418, { mine: 'NO_INSTANCE' }]);
  });

  it('can be left out', async () => {
    const { status, body } = await get(await startGateway({ exceptionFilter: false }), '/nobody');
    expect([status, body]).toEqual([500, { statusCode: 500, message: 'Internal server error' }]);
  });
});

describe('an application that is told to stop', () => {
  it('ends an answer that would never end when drain.timeoutMs is over', async () => {
    const app = await startGateway({ drain: { timeoutMs: 200 } });
    const { port } = app.getHttpServer().address() as { port: number };
    const answer = await fetch(`http://127.0.0.1:${port}/ticks`);
    const reader = answer.body!.getReader();
    await reader.read();
    const reading = (async () => {
      for (;;) if ((await reader.read()).done) return;
    })();
    const ended = reading.catch(() => undefined);
    await app.close();
    await ended;
  }, 20_000);
});
