import { startPrivateRedis } from '../support/redis.js';
import { startProxy } from '../support/proxy.js';
import { eventually } from '../support/eventually.js';
import { connectTo, startInstance } from '../support/registry.js';
import { RotatingUsers } from '../support/rotating-users.js';
import { uniqueService } from '../support/unique.js';

const NOTHING = Buffer.alloc(0);
/** What a process publishes when its first subscriber is to be replaced for the first time. */
const MARK = 'echo 1';

/** A proxy that holds back everything from a text on, until it is told to let it through. */
async function startHolding(url: string, text: string) {
  let held: Buffer[] | undefined;
  let isOver = false;
  const proxy = await startProxy(url, (chunk) => {
    if (!isOver && (held || chunk.includes(text))) {
      (held ??= []).push(chunk);
      return NOTHING;
    }
    const all = Buffer.concat([...(held ?? []), chunk]);
    held = undefined;
    return all;
  });
  return {
    proxy,
    get isHolding() {
      return held !== undefined;
    },
    /** With what comes next. */
    release: () => (isOver = true),
  };
}

it('with RESP2 a subscriber that is lost while another is to take its place is connected again', async () => {
  const { url } = await startPrivateRedis();
  const admin = connectTo(url);
  const users = new RotatingUsers([admin]);
  const front = await startProxy(url);
  const late = await startHolding(url, MARK);
  const provider = users.streaming();
  const service = uniqueService('lost');
  const { hostname: host } = new URL(front.url);
  const { redis } = await startInstance({
    service,
    redis: { host, port: front.port, protocol: 2 as const },
    credentials: provider,
  });
  const channel = `hydra:service:${service}:words`;
  const heard: string[] = [];
  await redis.subscribe(channel, (text) => heard.push(text)).confirmed();
  const first = redis.subscriber;
  const id = /id=(\d+) .*name=\S+:subscriber/.exec(String(await admin.client('LIST')))![1]!;

  front.retarget(late.proxy.url);
  await provider.next();
  await eventually(() => late.isHolding, { what: 'the mark on the second connection', everyMs: 2 });
  // The first connection breaks, and the way to Redis is blocked for a while.
  front.swallow(true);
  const lost = new Promise<void>((resolve) => redis.onState((state) => state === 'lost' && resolve()));
  await admin.client('KILL', 'ID', id);
  await lost;
  late.release();
  await admin.publish(channel, 'meanwhile');
  const isAnswered = async () => (await admin.publish(channel, 'again')) === 0;
  await eventually(isAnswered, { what: 'the end of the second connection' });
  expect(redis.subscriber).toBe(first);

  front.swallow(false);
  await eventually(() => redis.isReady, { what: 'the return', timeoutMs: 20_000 });
  await admin.publish(channel, 'back');
  await eventually(() => heard.includes('back'), { what: 'a message' });
});

it('with RESP2 a subscriber that cannot be replaced is a warning until it can', async () => {
  const { url } = await startPrivateRedis();
  const admin = connectTo(url);
  await admin.ping();
  const add = async (username: string, ...rights: string[]) => {
    await admin.call('ACL', 'SETUSER', username, 'on', '>secret', '~*', '&*', '+@all', ...rights);
    return { username, password: 'secret' };
  };
  let present = await add('first');
  const { hostname: host, port } = new URL(url);
  const { redis } = await startInstance({
    service: uniqueService('unreplaced'),
    redis: { host, port: Number(port), protocol: 2 as const },
    credentials: () => ({ ...present, expiresAt: Date.now() + 2_000 }),
  });
  const { subscriber } = redis;
  present = await add('second', '-subscribe');
  const isWarned = () => /older credentials: .*NOPERM/.test(redis.credentialWarning ?? '');
  await eventually(isWarned, { what: 'the warning', timeoutMs: 10_000 });
  expect([redis.isReady, redis.subscriber === subscriber]).toEqual([true, true]);
  present = await add('third');
  await eventually(() => redis.subscriber !== subscriber, { what: 'another subscriber', timeoutMs: 20_000 });
  await eventually(() => redis.credentialWarning === undefined, { what: 'no warning' });
});
