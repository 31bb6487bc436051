import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

import { resolveOptions } from '../../lib/hydra-options.js';
import { RedisConnections, type Subscription } from '../../lib/redis/redis-connections.js';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const FOLLOWED_QUEUES = 30;

let url: string;
let admin: Redis;
let redis: RedisConnections;

beforeEach(async () => {
  Logger.overrideLogger(false);
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  redis = new RedisConnections(resolveOptions({ service: 'subscriptions', redis: url }));
  await redis.connect();
});

afterEach(() => {
  redis.close();
  admin.disconnect();
});

/** How often Redis ran a command. */
async function callsOf(command: string): Promise<number> {
  const found = new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await admin.info('commandstats'));
  return Number(found?.[1] ?? 0);
}

async function subscribersOf(channel: string): Promise<number> {
  const [, count] = (await admin.call('PUBSUB', 'NUMSUB', channel)) as [string, number];
  return count;
}

/** A listener that is confirmed, and what it heard. */
async function listen(channel: string): Promise<{ heard: string[]; subscription: Subscription }> {
  const heard: string[] = [];
  const subscription = redis.subscribe(channel, (text) => heard.push(text));
  await subscription.confirmed();
  return { heard, subscription };
}

describe('the listeners of a channel', () => {
  it('share one subscription, which ends with the last of them', async () => {
    const [first, second] = [await listen('news'), await listen('news')];
    expect(await callsOf('subscribe')).toBe(1);
    await admin.publish('news', 'a');
    await eventually(() => second.heard.length === 1, { what: 'the message' });
    expect(first.heard).toEqual(['a']);

    first.subscription.unsubscribe();
    first.subscription.unsubscribe();
    expect(await subscribersOf('news')).toBe(1);
    await admin.publish('news', 'b');
    await eventually(() => second.heard.length === 2, { what: 'the next message' });
    expect(first.heard).toEqual(['a']);

    second.subscription.unsubscribe();
    await eventually(async () => (await subscribersOf('news')) === 0, {
      what: 'the end of the subscription',
    });
    expect(await callsOf('unsubscribe')).toBe(1);
  });

  it('hear the channel again when it is subscribed just after its last listener went', async () => {
    const { subscription } = await listen('news');
    subscription.unsubscribe();
    const { heard } = await listen('news');
    await admin.publish('news', 'a');
    await eventually(() => heard.length === 1, { what: 'the message' });
  });

  it('hear it after each reconnect', async () => {
    const { heard } = await listen('news');
    const states: string[] = [];
    redis.onState((state) => states.push(state));
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(() => states.includes('ready'), { what: 'the return' });
    expect(states).toEqual(['lost', 'ready']);
    await admin.publish('news', 'a');
    await eventually(() => heard.length === 1, { what: 'the message' });
  });

  it('are given a message although one of them throws, and the next one too', async () => {
    const logged: string[] = [];
    Logger.overrideLogger({ log() {}, warn() {}, error: (message: string) => logged.push(message) });
    const thrower = redis.subscribe('news', () => {
      throw new Error('broken');
    });
    await thrower.confirmed();
    const { heard } = await listen('news');
    await admin.publish('news', 'a');
    await admin.publish('news', 'b');
    await eventually(() => heard.length === 2, { what: 'both messages' });
    expect(logged).toEqual(['a listener of news threw', 'a listener of news threw']);
  });

  it('may come and go while a message is given to them', async () => {
    const heard: string[] = [];
    const subscription = redis.subscribe('news', () => {
      heard.push('first');
      subscription.unsubscribe();
      redis.subscribe('news', () => heard.push('late'));
    });
    await subscription.confirmed();
    redis.subscribe('news', () => heard.push('second'));
    await admin.publish('news', 'a');
    await admin.publish('news', 'b');
    await eventually(() => heard.length === 4, { what: 'both messages' });
    expect(heard).toEqual(['first', 'second', 'second', 'late']);
  });

  it('are each told that Redis refuses it, and hear it once it is allowed and asked for again', async () => {
    await admin.acl('SETUSER', 'limited', 'on', '>pw', '~*', '+@all', 'allchannels');
    const limited = new RedisConnections(
      resolveOptions({ service: 'limited', redis: url.replace('//', '//limited:pw@') }),
    );
    atEnd(() => limited.close());
    await limited.connect();
    await admin.acl('SETUSER', 'limited', 'resetchannels', '&open');
    const heard: string[] = [];
    const refused = [1, 2].map((number) => limited.subscribe('secret', (text) => heard.push(text + number)));
    for (const subscription of refused)
      await expect(subscription.confirmed()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await limited.subscribe('open', () => undefined).confirmed();

    await admin.acl('SETUSER', 'limited', '&secret');
    await refused[1]!.confirmed();
    await admin.publish('secret', 'a');
    await eventually(() => heard.length === 1, { what: 'the message' });
    expect(heard).toEqual(['a2']);
  });
});

describe('a process that follows many queues', () => {
  it('hears all of them, and is not warned of a leak of listeners', async () => {
    const service = uniqueService('gateway');
    const env = { REDIS_URL: url, SERVICE: service, QUEUES: String(FOLLOWED_QUEUES) };
    const child = startChild('test/integration/subscriptions.process.ts', { env });
    await child.ready;
    const isFollowing = async () => {
      const channels = (await admin.call('PUBSUB', 'CHANNELS', `*${service}-*:queue:*`)) as string[];
      return channels.length === FOLLOWED_QUEUES;
    };
    await eventually(isFollowing, { what: 'all subscriptions' });
    expect(child.lines.filter(({ warning }) => warning !== undefined)).toEqual([]);
  });
});
