import { HydraError, type Instance } from '../../../../lib/index.js';
import { Kind, type Item } from '../../../../lib/protocol/rpc.js';
import type { RedisConnections } from '../../../../lib/redis/redis-connections.js';
import { Cancellations } from '../../../../lib/transport/outgoing/cancellations.js';
import type { Messenger, PublishListener, PublishOutcome } from '../../../../lib/transport/wire/messenger.js';
import { ManualClock } from '../../../support/manual-clock.js';

const instance = { id: 'i', service: 'math', capabilities: { wireVersion: 2 } } as unknown as Instance;
const legacy = { id: 'i', service: 'math' } as unknown as Instance;

function start() {
  const clock = new ManualClock();
  const redis = { isReady: true };
  const posted: Item[] = [];
  let outcome: PublishOutcome = 'delivered';
  const messenger = {
    channelOf: ({ id }: Instance) => `to:${id}`,
    post: (_channel: string, item: string, listener: PublishListener<unknown>, subject: unknown) => {
      posted.push(JSON.parse(item) as Item);
      listener.onPublished(outcome, subject);
    },
  } as unknown as Messenger;
  const cancellations = new Cancellations({ clock, redis: redis as RedisConnections }, messenger);
  return { clock, redis, posted, cancellations, answer: (next: PublishOutcome) => (outcome = next) };
}

const cancel = [Kind.cancel, 7];

describe('a cancellation', () => {
  it('is sent once where it is received', async () => {
    const { clock, posted, cancellations } = start();
    cancellations.send({ id: 7, instance, deadlineAt: 1_000 });
    await clock.advance(2_000);
    expect([posted, clock.timerCount]).toEqual([[cancel], 0]);
  });

  it.each([
    ['no instance', undefined],
    ['a Hydra 1.x instance', legacy],
  ])('is not sent where %s has the call', async (_who, at) => {
    const { clock, posted, cancellations } = start();
    cancellations.send({ id: 7, instance: at, deadlineAt: 1_000 });
    await clock.advance(2_000);
    expect([posted, clock.timerCount]).toEqual([[], 0]);
  });

  it('waits for the connection to Redis, however long that takes before the deadline of its call', async () => {
    const { clock, redis, posted, cancellations } = start();
    redis.isReady = false;
    cancellations.send({ id: 7, instance, deadlineAt: 60_000 });
    await clock.advance(30_000);
    expect(posted).toEqual([]);
    redis.isReady = true;
    await clock.advance(50);
    expect([posted, clock.timerCount]).toEqual([[cancel], 0]);
  });

  it('is forgotten with the deadline of its call: the handler has stopped by itself', async () => {
    const { clock, redis, posted, cancellations } = start();
    redis.isReady = false;
    cancellations.send({ id: 7, instance, deadlineAt: 1_000 });
    await clock.advance(1_050);
    redis.isReady = true;
    await clock.advance(1_000);
    expect([posted, clock.timerCount]).toEqual([[], 0]);
  });

  it('is sent again while its instance does not receive it, for five seconds', async () => {
    const { clock, posted, cancellations, answer } = start();
    answer('no-receivers');
    cancellations.send({ id: 7, instance, deadlineAt: 60_000 });
    await clock.advance(5_000);
    expect(posted).toHaveLength(101);
    await clock.advance(60_000);
    expect([posted.length, clock.timerCount]).toEqual([101, 0]);
  });

  it('is sent again where nobody knows whether it was published, and not where Redis forbids it', async () => {
    const { clock, posted, cancellations, answer } = start();
    answer(new HydraError('REDIS_UNAVAILABLE', 'the connection broke'));
    cancellations.send({ id: 7, instance, deadlineAt: 60_000 });
    await clock.advance(0);
    answer(new HydraError('FORBIDDEN', 'NOPERM'));
    await clock.advance(60_000);
    expect([posted.length, clock.timerCount]).toEqual([2, 0]);
  });

  it('is given up when its client closes', async () => {
    const { clock, redis, cancellations } = start();
    redis.isReady = false;
    cancellations.send({ id: 7, instance, deadlineAt: 60_000 });
    cancellations.stop();
    expect(clock.timerCount).toBe(0);
  });
});
