import 'reflect-metadata';
import {
  Controller,
  Injectable,
  Module,
  UseInterceptors,
  type CallHandler,
  type NestInterceptor,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { Observable } from 'rxjs';

import { HydraJobContext, HydraModule, HydraServer, QueuePattern, QueueService } from '../../lib/index.js';

/** A worker whose handlers leave undone what they may, and throw what they can. Says what it ran. */
const { REDIS_URL = '', SERVICE = '' } = process.env;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

function tearing(end: 'complete' | 'error' | 'never'): Observable<number> {
  return new Observable((subscriber) => {
    setTimeout(() => {
      if (end === 'complete') subscriber.complete();
      if (end === 'error') subscriber.error(new Error('failed'));
    }, 5);
    return () => {
      throw new Error('teardown');
    };
  });
}

/** What it puts behind the handler throws when that is over. */
@Injectable()
class TearingInterceptor implements NestInterceptor {
  intercept(_context: unknown, next: CallHandler): Observable<unknown> {
    return new Observable((subscriber) => {
      subscriber.add(next.handle().subscribe(subscriber));
      return () => {
        throw new Error('teardown of an interceptor');
      };
    });
  }
}

@Controller()
class PoisonController {
  constructor(private readonly queue: QueueService) {}

  @QueuePattern('teardown', { attempts: 1, timeoutMs: 200 })
  teardown(@Payload() end: 'complete' | 'error' | 'never'): Observable<number> {
    return tearing(end);
  }

  @UseInterceptors(TearingInterceptor)
  @QueuePattern('teardown behind', { attempts: 1, timeoutMs: 200 })
  tornBehind(@Payload() end: 'complete' | 'error' | 'never'): Observable<number> {
    return tearing(end);
  }

  @QueuePattern('fails', { attempts: 2, backoff: 0 })
  fails(): never {
    throw new Error('as always');
  }

  @QueuePattern('odd', { attempts: 1 })
  odd(): never {
    throw {
      get message(): string {
        throw new Error('no message');
      },
    };
  }

  /** Nobody waits for what is told, asked for and added here. */
  @QueuePattern('careless')
  async careless(@Ctx() job: HydraJobContext): Promise<string> {
    say({ running: job.id });
    const timer = setInterval(() => {
      void job.progress(1);
      void job.progress(1n);
      void this.queue.add('fails', 1);
      void this.queue.add('fails', 1).result({ timeoutMs: 1 });
      void this.queue.addBulk([{ pattern: 'fails', data: 1n }]);
      void this.queue.counts();
      void this.queue.repeat('', '', '', 1);
    }, 20);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    clearInterval(timer);
    return 'done';
  }

  @QueuePattern('plain')
  plain(data: unknown): unknown {
    return data;
  }
}

const options = { service: SERVICE, redis: REDIS_URL, connection: { commandTimeoutMs: 200 } };
@Module({ imports: [HydraModule.forRoot(options)], controllers: [PoisonController] })
class PoisonModule {}

const app = await NestFactory.createMicroservice(PoisonModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
await app.listen();
say({ ready: true });
