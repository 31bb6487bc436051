import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, Logger, UseInterceptors, type CallHandler, type ExecutionContext } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { catchError, fromEvent, switchMap, tap, throwError, type Observable } from 'rxjs';

import { HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

/** The attempts of handlers that began. */
let begun: number[] = [];
/** How handlers ended, as an interceptor of the application sees it. */
let ended: string[] = [];

class Outcomes {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      tap({ complete: () => ended.push('completed') }),
      catchError((error: Error) => {
        ended.push(error.name);
        return throwError(() => error);
      }),
    );
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));

@Controller()
class AbortedController {
  @QueuePattern('waits')
  async waits(@Payload() ms: number, @Ctx() { signal, attempt }: HydraJobContext): Promise<string> {
    begun.push(attempt);
    await sleep(ms, undefined, { signal });
    return 'done';
  }

  @QueuePattern('throws its reason')
  async throws(@Ctx() { signal, attempt }: HydraJobContext): Promise<void> {
    begun.push(attempt);
    await aborted(signal);
    signal.throwIfAborted();
  }

  @QueuePattern('gives a stream')
  stream(@Ctx() { signal, attempt }: HydraJobContext): Observable<never> {
    begun.push(attempt);
    const error = new DOMException('it was told to', 'AbortError');
    return fromEvent(signal, 'abort').pipe(switchMap(() => throwError(() => error)));
  }

  @QueuePattern('breaks')
  async breaks(@Ctx() { signal, attempt }: HydraJobContext): Promise<void> {
    begun.push(attempt);
    await aborted(signal);
    throw new Error('the file is broken');
  }

  @QueuePattern('own', { attempts: 1 })
  own(): Promise<void> {
    return sleep(60_000, undefined, { signal: AbortSignal.abort() });
  }
}

@Controller()
@UseInterceptors(Outcomes)
class WatchedController extends AbortedController {}

let service: string;
let started: TestService;
let caller: TestService;
let queue: QueueService;
let errors: string[];

async function start(controller: typeof AbortedController): Promise<void> {
  started = await startService({ service, redis: await testRedis(), drain: { timeoutMs: 300 } }, [
    controller,
  ]);
  Logger.overrideLogger({ log() {}, warn() {}, error: (what: unknown) => errors.push(String(what)) });
}

beforeEach(async () => {
  [begun, ended, errors] = [[], [], []];
  service = uniqueService('aborted');
  caller = await startService({ service: uniqueService('caller'), redis: await testRedis() }, []);
  queue = caller.app.get(QueueService);
});

afterEach(async () => {
  Logger.overrideLogger(false);
  await started.close();
  await caller.close();
});

async function begins(pattern: string): Promise<string> {
  const { id } = await queue.add(pattern, 60_000, { service });
  await eventually(() => begun.length > 0, { what: 'its start' });
  return id;
}

describe('the log of a handler that ends because its job was cancelled', () => {
  async function cancelled(pattern: string): Promise<void> {
    await start(AbortedController);
    expect(await queue.cancel(await begins(pattern), { service })).toBe('cancelled');
    // What the process stops for has ended by then, and is logged.
    await started.close();
  }

  it.each(['waits', 'throws its reason', 'gives a stream'])('is silent where it %s', async (pattern) => {
    await cancelled(pattern);
    expect(errors).toEqual([]);
  });

  it('tells of another error that it throws', async () => {
    await cancelled('breaks');
    await eventually(() => errors.length > 0, { what: 'the error' });
    expect(errors).toEqual([expect.stringContaining('the file is broken')]);
  });
});

describe('the log of a handler that aborts by itself', () => {
  it('tells of the error, which is a failure', async () => {
    await start(AbortedController);
    const result = queue.add('own', {}, { service }).result();
    await expect(result).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(errors).toEqual([expect.stringContaining('AbortError')]);
  });
});

describe('the log of a handler that ends because its process stops', () => {
  it.each([
    ['waits', 'AbortError'],
    ['throws its reason', 'HydraError'],
    ['gives a stream', 'AbortError'],
  ])(
    'is silent where it %s, and its job is not completed',
    async (pattern, name) => {
      await start(WatchedController);
      const id = await begins(pattern);
      await started.close();
      expect(await queue.get(id, { service })).toMatchObject({ state: 'waiting', attempts: 0 });
      expect({ errors, ended }).toEqual({ errors: [], ended: [name] });
      await start(WatchedController);
      await eventually(() => begun.length === 2, { what: 'its next start' });
      expect(begun).toEqual([1, 1]);
    },
    30_000,
  );
});
