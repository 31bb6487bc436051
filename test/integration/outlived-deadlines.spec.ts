import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, Observable } from 'rxjs';

import { HydraClient, HydraRecordBuilder } from '../../lib/index.js';
import { remainingMs } from '../../lib/delivery/deadline-context.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

/** The time of the callers of the handlers below. */
const TIMEOUT_MS = 400;

let client: HydraClient;
/** What the calls made of a handler's leftovers came to. */
let leftovers: Promise<unknown>[] = [];
/** What was left to a handler that its caller does not wait for any more, at its end. */
const leftMs: number[] = [];

/** A loop that a handler starts and does not wait for: it calls after the deadline. */
function beginWork(): void {
  const timer = setInterval(() => {
    const call = firstValueFrom(client.send('echo', 'x'));
    leftovers.push(call.catch((error: unknown) => error));
  }, TIMEOUT_MS + 200);
  atEnd(async () => clearInterval(timer));
}

@Controller()
class LoopController {
  @MessagePattern('echo')
  echo(data: string): string {
    return data;
  }

  @MessagePattern('promise')
  async promise(): Promise<string> {
    beginWork();
    return 'ok';
  }

  @MessagePattern('throws')
  throws(): never {
    beginWork();
    throw new Error('no');
  }

  @MessagePattern('observable')
  observable(): Observable<number> {
    return new Observable((observer) => {
      beginWork();
      observer.next(Math.round(remainingMs()));
      observer.complete();
    });
  }

  @MessagePattern('generator')
  async *generator() {
    beginWork();
    yield Math.round(remainingMs());
  }

  @MessagePattern('late')
  async late(): Promise<void> {
    await sleep(TIMEOUT_MS + 200);
    leftMs.push(remainingMs());
  }

  @MessagePattern('late-generator')
  async *lateGenerator() {
    yield 1;
    await sleep(TIMEOUT_MS + 200);
    leftMs.push(remainingMs());
    yield 2;
  }
}

const ask = (pattern: string, timeoutMs = TIMEOUT_MS) =>
  firstValueFrom(client.send<unknown>(pattern, new HydraRecordBuilder('x').setTimeout(timeoutMs).build()));

beforeAll(async () => {
  const service = uniqueService('loops');
  const redis = await testRedis();
  await startService({ service, redis }, [LoopController]);
  client = new HydraClient(asOwnClient({ service, redis }));
  atEnd(() => client.close());
  await client.connect();
});
beforeEach(() => (leftovers = []));

describe('what a handler leaves running', () => {
  it.each(['promise', 'throws', 'observable', 'generator'])(
    'makes its calls with all their time, after the deadline of the caller: %s',
    async (pattern) => {
      await ask(pattern).catch(() => undefined);
      await eventually(() => leftovers.length > 0, { what: 'a call of the loop' });
      expect(await leftovers[0]).toBe('x');
    },
  );
});

describe('the deadline of the caller', () => {
  it.each(['observable', 'generator'])('bounds what a stream does: %s', async (pattern) => {
    const left = await ask(pattern, 20_000);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(20_000);
  });

  it.each(['late', 'late-generator'])('binds a handler until it has ended: %s', async (pattern) => {
    leftMs.splice(0);
    await ask(pattern).catch(() => undefined);
    await eventually(() => leftMs.length > 0, { what: 'the handler to come to its end' });
    expect(leftMs[0]).toBeLessThanOrEqual(0);
  });
});
