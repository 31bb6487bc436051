import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { ConfigStore } from '../../lib/config/config-store.js';
import { withDeadline } from '../../lib/delivery/deadline-context.js';
import { systemClock } from '../../lib/runtime/clock.js';
import { HYDRA_ERROR_CODES } from '../../lib/hydra-error.js';
import { HydraClient, HydraError, HydraRecordBuilder, type HydraErrorCode } from '../../lib/index.js';
import { Kind } from '../../lib/protocol/rpc.js';
import { eventually } from '../support/eventually.js';
import {
  begunContext,
  beginToStop,
  breaksOff,
  call,
  closedPort,
  connect,
  crash,
  failWith,
  httpTo,
  jobFailure,
  listenHttp,
  loseParts,
  neverAnswers,
  onceBegun,
  open,
  queueOf,
  serve,
  whileBusy,
  whileSet,
  type Started,
} from '../support/failing.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import type { RunningRedis } from '../../tools/redis.mjs';

type Way = readonly [
  code: HydraErrorCode,
  how: string,
  retryable: 'yes' | 'no',
  mayHaveRun: 'yes' | 'no',
  arise: () => Promise<unknown>,
];

let redis: RunningRedis;
let admin: Redis;
let started: Started;
let client: HydraClient;

beforeAll(async () => {
  redis = await startPrivateRedis();
  admin = failWith(redis);
  started = await serve({ calls: { maxConcurrency: 50 } });
  client = await connect(started.service);
});

const nobody = () => connect(uniqueService('nobody'));
const record = (data: unknown = {}) => new HydraRecordBuilder(data);
const emit = (to: HydraClient, data: unknown = {}) => firstValueFrom<unknown>(to.emit('seen', data));

/** Every way in which each code arises, as docs/errors.md has it. */
const WAYS: readonly Way[] = [
  [
    'BAD_OPTION',
    'an option, a name or an argument is out of its limits',
    'no',
    'no',
    async () => new HydraClient({ service: 'a b' }),
  ],
  [
    'BAD_PAYLOAD',
    'the data of a call, an event, a job or an entry',
    'no',
    'no',
    () => call(client, 'echo', { id: 10n }),
  ],
  ['BAD_PAYLOAD', 'the answer of a handler', 'no', 'yes', () => call(client, 'bigint')],
  [
    'BAD_PAYLOAD',
    "a service's deserializer failed",
    'no',
    'no',
    async () => {
      const deserializer = { deserialize: () => Promise.reject(new Error('not mine')) };
      const { service } = await serve({ deserializer });
      return call(await connect(service), 'echo');
    },
  ],
  [
    'BAD_PAYLOAD',
    "a client's deserializer returned no packet for the answer",
    'no',
    'yes',
    async () =>
      call(await connect(started.service, { deserializer: { deserialize: () => undefined } }), 'echo'),
  ],
  [
    'PAYLOAD_TOO_LARGE',
    'the data of a call, an event, a job or an entry',
    'no',
    'no',
    async () => call(await connect(started.service, { maxPayloadBytes: 100 }), 'echo', 'x'.repeat(200)),
  ],
  ['PAYLOAD_TOO_LARGE', 'the answer of a handler', 'no', 'yes', () => call(client, 'large')],
  ['PAYLOAD_TOO_LARGE', 'the error of a handler', 'no', 'yes', () => call(client, 'largeError')],
  ['NO_HANDLER', 'the instance has no handler of that pattern', 'no', 'no', () => call(client, 'unknown')],
  [
    'CLOSED',
    'used after `close()`',
    'no',
    'no',
    async () => {
      const closed = await connect(started.service);
      await closed.close();
      return call(closed, 'echo');
    },
  ],
  [
    'CLOSED',
    'closed while the call was at an instance',
    'no',
    'yes',
    async () => {
      const closing = await connect(started.service);
      return onceBegun(closing, () => closing.close());
    },
  ],
  [
    'CLOSED',
    'a service called itself, and was closed before it answered',
    'no',
    'yes',
    async () => {
      const own = await serve({ drain: { timeoutMs: 50 } });
      const itself = new HydraClient({ service: own.service }, own.instance);
      await itself.connect();
      return onceBegun(itself, () => own.instance.close());
    },
  ],
  [
    'CLOSED',
    'closed while the call waited to be sent',
    'no',
    'no',
    async () => {
      const proxy = await startProxy(redis.url);
      const waiting = await connect(started.service, { redis: proxy.url });
      await proxy.close();
      await eventually(() => waiting.unwrap()[0].status !== 'ready', { what: 'the connection to be lost' });
      const answer = call(waiting, 'echo');
      answer.catch(() => undefined);
      await waiting.close();
      return answer;
    },
  ],
  [
    'FORBIDDEN',
    'Redis refuses a command for lack of rights',
    'no',
    'no',
    async () => {
      const url = await limited('-publish');
      return emit(await connect(started.service, { redis: url }));
    },
  ],
  [
    'FORBIDDEN',
    'Redis refuses a command in the middle of a script',
    'no',
    'yes',
    async () => queueOf(await open({ redis: await limited('-sadd', '-lpush') })).add('x', {}, { id: 'one' }),
  ],
  [
    'CONFIG_INVALID',
    'the stored document, or the one to be stored, is not valid',
    'no',
    'no',
    async () => new ConfigStore(await open()).put('1.0.0', [] as never),
  ],
  [
    'CONFIG_CONFLICT',
    'the revision is not the expected one',
    'no',
    'no',
    async () => new ConfigStore(await open()).put('1.0.0', {}, { expect: 7 }),
  ],
  [
    'CONFIG_NOT_FOUND',
    'nothing is stored that this instance may use',
    'no',
    'no',
    async () => new ConfigStore(await open()).rollback(3),
  ],
  ['NO_INSTANCE', 'no instance can take the call', 'yes', 'no', async () => call(await nobody(), 'echo')],
  [
    'NO_INSTANCE',
    'the call reached no instance',
    'yes',
    'no',
    async () => {
      const gone = await serve();
      const late = await connect(gone.service);
      await crash(gone);
      return call(late, 'echo');
    },
  ],
  [
    'NO_INSTANCE',
    'an idempotent call lost its instance, and there is no other',
    'yes',
    'yes',
    async () => {
      const gone = await serve();
      const late = await connect(gone.service, { calls: { probeAfterMs: 50 } });
      return onceBegun(late, () => crash(gone), record().setIdempotent(true).build());
    },
  ],
  [
    'NO_INSTANCE',
    'an HTTP connection was refused',
    'yes',
    'no',
    async () => {
      const { service, http } = await httpTo(await closedPort());
      return http.request(`${service}:[get]/x`);
    },
  ],
  [
    'NO_INSTANCE',
    'an HTTP connection was refused, after another instance had closed one',
    'yes',
    'yes',
    async () => {
      const { service, http } = await httpTo(await listenHttp(breaksOff()), await closedPort());
      // The instance that breaks off is asked first in one of two.
      for (;;) {
        const error = await http.request(`${service}:[get]/x`).catch((failure: unknown) => failure);
        if (!(error instanceof HydraError) || error.code === 'NO_INSTANCE') throw error;
      }
    },
  ],
  [
    'DRAINING',
    'the instance stops, and there is no other',
    'yes',
    'no',
    async () => {
      const stopping = await serve();
      const late = await connect(stopping.service);
      beginToStop(stopping);
      return call(late, 'echo');
    },
  ],
  [
    'DRAINING',
    'the call still waited for a place when `drain.timeoutMs` was over',
    'yes',
    'no',
    async () => {
      const stopping = await serve({ calls: { maxConcurrency: 1 }, drain: { timeoutMs: 50 } });
      const late = await connect(stopping.service);
      let waiting: Promise<unknown> | undefined;
      const running = onceBegun(late, async () => {
        waiting = call(late, 'echo');
        waiting.catch(() => undefined);
        await eventually(() => late['instance'].calls.inFlight === 2 && stopping.waiting() === 1, {
          what: 'the call to wait in line',
        });
        await stopping.server.close();
      });
      await running.catch(() => undefined);
      return waiting;
    },
  ],
  [
    'OVERLOADED',
    'every instance that was tried is full',
    'yes',
    'no',
    async () => {
      const small = await serve({ calls: { maxConcurrency: 1, maxWaiting: 0 } });
      const late = await connect(small.service);
      let refused: Promise<unknown> | undefined;
      void onceBegun(late, () => {
        refused = call(late, 'echo');
        refused.catch(() => undefined);
      }).catch(() => undefined);
      await eventually(() => refused !== undefined, { what: 'the second call' });
      return refused;
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'no connection to Redis in time',
    'yes',
    'no',
    async () => {
      const away = new HydraClient({ service: 'x', redis: 'redis://127.0.0.1:1', timeoutMs: 100 });
      const answer = call(away, 'echo');
      await answer.catch(() => away.close());
      return answer;
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'the connection broke after the command had been sent',
    'yes',
    'yes',
    async () => {
      const proxy = await startProxy(redis.url);
      const cut = await open({ redis: proxy.url });
      proxy.freeze();
      const added = queueOf(cut).add('x', {});
      added.catch(() => undefined);
      // Sent at the end of this turn.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      proxy.sever();
      return added;
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'Redis refuses a command for now: OOM, NOREPLICAS, READONLY, BUSY, LOADING, …',
    'yes',
    'no',
    async () => {
      const queue = queueOf(await open());
      return whileSet('maxmemory', '1', () => queue.add('x', {}));
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'Redis refuses to publish a call for now, until `timeoutMs` is over',
    'yes',
    'no',
    async () => {
      const late = await connect(started.service, { timeoutMs: 300 });
      return whileBusy(() => call(late, 'echo'));
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'Redis refuses a command for another reason: WRONGTYPE, an unknown command, …',
    'no',
    'no',
    async () => {
      const instance = await open();
      await admin.set(instance.keys.waiting(instance.options.service), 'no list');
      return queueOf(instance).add('x', {});
    },
  ],
  [
    'REDIS_UNAVAILABLE',
    'Redis refuses a command in the middle of a script for such a reason',
    'no',
    'yes',
    async () => {
      const instance = await open();
      await admin.set(instance.keys.waiting(instance.options.service), 'no list');
      return queueOf(instance).add('x', {}, { id: 'one' });
    },
  ],
  [
    'INSTANCE_LOST',
    'the instance vanished before it answered',
    'yes',
    'yes',
    async () => {
      const gone = await serve();
      const late = await connect(gone.service, { calls: { probeAfterMs: 50 } });
      return onceBegun(late, () => crash(gone));
    },
  ],
  [
    'INSTANCE_LOST',
    'the handler still ran when `drain.timeoutMs` was over',
    'yes',
    'yes',
    async () => {
      const stopping = await serve({ drain: { timeoutMs: 50 } });
      const late = await connect(stopping.service);
      return onceBegun(late, () => stopping.server.close());
    },
  ],
  [
    'INSTANCE_LOST',
    'an instance closed the connection during an HTTP request',
    'yes',
    'yes',
    async () => {
      const { service, http } = await httpTo(await listenHttp(breaksOff()));
      return http.request(`${service}:[get]/x`);
    },
  ],
  [
    'REPLY_LOST',
    'the end of an answer arrived, and some of its values did not',
    'yes',
    'yes',
    async () => {
      const service = await serve();
      loseParts(Kind.value, service);
      return call(await connect(service.service), 'values');
    },
  ],
  [
    'REPLY_LOST',
    'an answer did not arrive, and its instance has finished the call',
    'yes',
    'yes',
    async () => {
      const service = await serve();
      loseParts(Kind.complete, service);
      return call(await connect(service.service), 'echo');
    },
  ],
  [
    'TIMEOUT',
    'no answer within `timeoutMs`',
    'yes',
    'yes',
    async () => call(await connect(started.service, { timeoutMs: 50 }), 'never'),
  ],
  [
    'TIMEOUT',
    'the time was over before the call was sent',
    'yes',
    'no',
    () =>
      withDeadline({ clock: systemClock, deadlineAt: performance.now() - 1, isOver: false }, () =>
        call(client, 'echo'),
      ),
  ],
  [
    'TIMEOUT',
    'no answer to an HTTP request in time',
    'yes',
    'yes',
    async () => {
      const { service, http } = await httpTo(await listenHttp(neverAnswers()));
      return http.request(`${service}:[get]/x`, { timeoutMs: 100 });
    },
  ],
  [
    'TIMEOUT',
    'the time of `result({ timeoutMs })` is over, and the job has not completed',
    'yes',
    'yes',
    async () =>
      queueOf(await open())
        .add('x', {})
        .result({ timeoutMs: 100 }),
  ],
  [
    'CANCELLED',
    "the reason of a handler's `signal`: the caller does not want the answer",
    'no',
    'yes',
    async () => {
      const { signal } = await begunContext(client);
      return Promise.reject(signal.reason);
    },
  ],
  [
    'CANCELLED',
    "an HTTP request's `signal` was aborted before it was sent",
    'no',
    'no',
    async () => {
      const { service, http } = await httpTo(await listenHttp(neverAnswers()));
      return http.request(`${service}:[get]/x`, { signal: AbortSignal.abort() });
    },
  ],
  [
    'CANCELLED',
    "an HTTP request's `signal` was aborted after that",
    'no',
    'yes',
    async () => {
      const { service, http } = await httpTo(await listenHttp(neverAnswers()));
      return http.request(`${service}:[get]/x`, { signal: AbortSignal.timeout(100) });
    },
  ],
  [
    'REPLY_OVERFLOW',
    "a handler's Observable produced values much faster than its caller took them",
    'no',
    'yes',
    () => call(client, 'flood'),
  ],
  [
    'LEASE_LOST',
    'another worker has the job or the entry now',
    'no',
    'yes',
    async () => {
      const { service, instance } = await serve();
      void queueOf(instance).add('progress', service);
      return jobFailure('progress');
    },
  ],
  [
    'DEAD_LETTER',
    'a job failed permanently',
    'no',
    'yes',
    async () =>
      queueOf((await serve()).instance)
        .add('fail', {}, { attempts: 1 })
        .result(),
  ],
];

describe('a failure', () => {
  it.each(WAYS)('%s: %s', async (code, _how, retryable, mayHaveRun, arise) => {
    const error: unknown = await arise().then(
      (value) => new Error(`nothing failed, it gave ${String(value)}`),
      (failure: unknown) => failure,
    );
    if (!(error instanceof HydraError)) throw error;
    expect(error).toMatchObject({ code, retryable: retryable === 'yes', mayHaveRun: mayHaveRun === 'yes' });
  });

  it('for lack of the right to publish ends a call at once, and not at its deadline', async () => {
    const barred = await connect(started.service, { redis: await limited('-publish'), timeoutMs: 600_000 });
    await expect(call(barred, 'echo')).rejects.toMatchObject({ code: 'FORBIDDEN', retryable: false });
  });

  it.each(HYDRA_ERROR_CODES)('of a handler may have run, whatever it failed with: %s', async (code) => {
    for (const form of ['fail', 'failAsJson']) {
      const error: unknown = await call(client, form, code).catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(HydraError);
      expect(error).toMatchObject({ code, retryable: false, mayHaveRun: true });
    }
  });

  it('is explained in docs/errors.md, in every way in which it arises', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const [, section = ''] = page.split('## How each code arises');
    const rows = section
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      );
    expect(rows).toEqual(
      WAYS.map(([code, how, retryable, mayHaveRun]) => [`\`${code}\``, how, retryable, mayHaveRun]),
    );
  });
});

/** A user of Redis who may do everything but this. */
async function limited(...rights: string[]): Promise<string> {
  const name = uniqueService('user');
  await admin.call('ACL', 'SETUSER', name, 'on', '>pw', '~*', '&*', '+@all', ...rights);
  return redis.url.replace('redis://', `redis://${name}:pw@`);
}
