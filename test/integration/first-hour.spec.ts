import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';

import { freePort } from '../../tools/free-port.mjs';
import { tellOfAbsentRedis } from '../../lib/absent-redis.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { HydraModule, HydraServer } from '../../lib/index.js';
import { describeSource } from '../../lib/redis/connection/driver.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { uniqueService } from '../support/unique.js';

/** What jest and vitest give a hook. */
const HOOK_TIMEOUT_MS = 5_000;

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

describe('a test of an application whose Redis is not there', () => {
  const shown: string[] = [];
  let port: number;
  let service: string;

  beforeEach(async () => {
    shown.length = 0;
    port = await freePort();
    service = uniqueService('shop');
    for (const stream of [process.stdout, process.stderr])
      jest.spyOn(stream, 'write').mockImplementation((text) => Boolean(shown.push(String(text))));
  });

  afterEach(() => jest.restoreAllMocks());

  function moduleRef() {
    @Module({
      imports: [HydraModule.forRoot({ service, redis: `redis://127.0.0.1:${port}` })],
      controllers: [SumController],
    })
    class AppModule {}
    return Test.createTestingModule({ imports: [AppModule] }).compile();
  }

  it('shows that the address is of HYDRA_REDIS_URL, or the default, and says so again and again', async () => {
    const environment = { HYDRA_REDIS_URL: `redis://:topsecret@127.0.0.1:${port}` };
    const options = resolveOptions({ service }, environment);
    const clock = new ManualClock();
    const instance = new HydraInstance(options, { clock });
    atEnd(() => instance.close());
    const stop = tellOfAbsentRedis(instance, 'starting anyway', 1_000);
    await clock.advance(32_000);
    const told = shown.filter((text) => text.includes('starting anyway'));
    expect(told).toHaveLength(2);
    expect(told[0]).toContain(`no connection to Redis at 127.0.0.1:${port} (HYDRA_REDIS_URL) yet`);
    expect(told.join()).not.toContain('topsecret');
    stop();
    await clock.advance(60_000);
    expect(shown.filter((text) => text.includes('starting anyway'))).toHaveLength(2);
    expect(describeSource(resolveOptions({ service }))).toBe(
      '127.0.0.1:6379 (the default: set HYDRA_REDIS_URL, or the option redis)',
    );
  });

  it.each(['a microservice', 'an HTTP application with a server', 'an HTTP application'])(
    'shows, while a hook of %s still waits, where there is none and why',
    async (form) => {
      const compiled = await moduleRef();
      const strategy = compiled.get(HydraServer);
      const starts = {
        'a microservice': () => {
          const app = compiled.createNestMicroservice({ strategy });
          return { app, started: app.listen() };
        },
        'an HTTP application with a server': () => {
          const app = compiled.createNestApplication();
          app.connectMicroservice({ strategy });
          return { app, started: app.startAllMicroservices() };
        },
        'an HTTP application': () => {
          const app = compiled.createNestApplication();
          return { app, started: app.init() };
        },
      };
      const { app, started } = starts[form as keyof typeof starts]();
      atEnd(() => app.close());
      const where = `no connection to Redis at 127.0.0.1:${port} yet (connect ECONNREFUSED 127.0.0.1:${port})`;
      await eventually(() => shown.some((text) => text.includes(where)), {
        what: 'the reason',
        timeoutMs: HOOK_TIMEOUT_MS - 1_000,
      });
      await app.close();
      await started;
    },
  );
});
