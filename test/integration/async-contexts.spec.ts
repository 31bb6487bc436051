import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, Observable } from 'rxjs';

import {
  HydraClient,
  HydraLogger,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const users = new AsyncLocalStorage<string>();
const seen: string[] = [];
const who = () => users.getStore() ?? 'anonymous';
const note = (data: string) => void (data !== '' && seen.push(who()));

/** As many applications do it: from here on, the request has a user. */
class LoginGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.switchToRpc().getData<unknown>() === 'login') users.enterWith('root');
    return true;
  }
}

@Controller()
@UseGuards(LoginGuard)
class WhoController {
  @MessagePattern('who')
  call(): string {
    return who();
  }

  /** Its end is told in its user's context, and makes room for the next. */
  @MessagePattern('stream')
  stream(): Observable<string> {
    const user = who();
    return new Observable((observer) => {
      setTimeout(() => {
        observer.next(`${user} ${who()}`);
        observer.complete();
      }, 1);
    });
  }

  @EventPattern('event')
  event(data: string): void {
    note(data);
  }

  @QueuePattern('job')
  job(data: string): void {
    note(data);
  }

  @QueuePattern('job.stream', { concurrency: 1 })
  jobStream(): Observable<string> {
    const user = who();
    return new Observable((observer) => {
      setTimeout(() => {
        seen.push(user);
        observer.complete();
      }, 1);
    });
  }

  @StreamPattern('entries', { from: 'beginning' })
  entry(data: string): void {
    note(data);
  }
}

const ALONE = ['root', 'anonymous', 'anonymous'];

async function clientOf(service: string, options: object = {}): Promise<HydraClient> {
  const client = new HydraClient(asOwnClient({ service, redis: await testRedis(), ...options }));
  atEnd(() => client.close());
  return client;
}

const seenAll = (count: number) =>
  eventually(() => seen.length >= count, { what: `${count} deliveries, of which there are: ${seen.join()}` });

describe('what one delivery enters', () => {
  let service: string;
  let client: HydraClient;
  let server: TestService;

  beforeAll(async () => {
    service = uniqueService('who');
    server = await startService({ service, redis: await testRedis() }, [WhoController]);
    client = await clientOf(service);
    await client.connect();
  });
  beforeEach(() => void seen.splice(0));

  it('is not seen by calls that came in the same frame, nor by later ones', async () => {
    const ask = (data: string) => firstValueFrom(client.send<string>('who', data));
    expect(await Promise.all(['login', 'who', 'who'].map(ask))).toEqual(ALONE);
    expect(await ask('who')).toBe('anonymous');
  });

  it('is not seen by events that came in the same frame', async () => {
    await Promise.all(['login', 'who', 'who'].map((data) => lastValueFrom(client.emit('event', data))));
    await seenAll(3);
    expect(seen).toEqual(ALONE);
  });

  it('is not seen by jobs that were leased together, nor by one that waited for its place', async () => {
    const queue = server.app.get(QueueService);
    await queue.addBulk(['login', 'who', 'who'].map((data) => ({ pattern: 'job', data })));
    await seenAll(3);
    expect(seen.toSorted()).toEqual(ALONE.toSorted());
    seen.splice(0);
    await queue.addBulk(['login', 'who', 'who'].map((data) => ({ pattern: 'job.stream', data })));
    await seenAll(3);
    expect(seen.toSorted()).toEqual(ALONE.toSorted());
  });

  it('is not seen by entries that were read together', async () => {
    const streams = server.app.get(StreamService);
    await Promise.all(['login', 'who', 'who'].map((data) => streams.publish('entries', data)));
    await seenAll(3);
    expect(seen.toSorted()).toEqual(ALONE.toSorted());
  });

  it('is not seen by a call that waited for its place', async () => {
    const narrow = uniqueService('narrow');
    const redis = await testRedis();
    await startService({ service: narrow, redis, calls: { maxConcurrency: 1 } }, [WhoController]);
    const caller = await clientOf(narrow);
    const ask = (data: string) => firstValueFrom(caller.send<string>('stream', data));
    const answers = await Promise.all(['login', 'who', 'who'].map(ask));
    expect(answers.map((answer) => answer.split(' ')[0])).toEqual(ALONE);
  });
});

describe('who subscribed', () => {
  it('is called in the context of the subscription, also where answers came together', async () => {
    const service = uniqueService('answers');
    await startService({ service, redis: await testRedis() }, [WhoController]);
    const client = await clientOf(service);
    await client.connect();
    const answers = ['a', 'b', 'c'].map((user) =>
      users.run(
        user,
        () =>
          new Promise<string[]>((resolve) => {
            const heard: string[] = [];
            client.send('who', 'x').subscribe({
              next: () => heard.push(`${user}:${who()}`),
              complete: () => resolve([...heard, `${user}:${who()}`]),
            });
          }),
      ),
    );
    expect((await Promise.all(answers)).flat()).toEqual(['a:a', 'a:a', 'b:b', 'b:b', 'c:c', 'c:c']);
  });
});

describe('what goes on when a request is over', () => {
  it('carries nothing of the request that began it', async () => {
    const service = uniqueService('kept');
    const redis = await testRedis();
    const server = await startService({ service, redis }, [WhoController]);
    const often = { presence: { intervalMs: 100 }, connection: { pingIntervalMs: 500 } };
    const client = await clientOf(service, { ...often, name: uniqueService('first') });
    const queue = server.app.get(QueueService);

    // Everything that is made when it is first needed is needed here for the first time.
    await users.run('first', async () => {
      await firstValueFrom(client.send('who', 'x'));
      await queue.add('job', 'x').result({ timeoutMs: 10_000 });
      await server.app.get(StreamService).publish('entries', 'x');
      server.app.get(HydraLogger).log('a line');
      await expect(firstValueFrom(client.send('nowhere', 'x'))).rejects.toBeDefined();
    });

    const carried: string[] = [];
    const hook = createHook({
      init(_id, type) {
        if (users.getStore() === 'first') carried.push(type);
      },
    }).enable();
    // Time for each of the timers to ring, and for a connection to come back.
    await sleep(1_200);
    client.unwrap()[0].disconnect(true);
    client.unwrap()[1].disconnect(true);
    await sleep(1_500);
    await firstValueFrom(client.send('who', 'x'));
    hook.disable();
    expect(carried).toEqual([]);
  });
});
