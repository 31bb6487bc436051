import { Observable, share } from 'rxjs';

import type { Context } from '../../redis/context.js';
import { outside } from '../../runtime/async-context.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import { jittered } from '../../runtime/random-source.js';
import type { StoredConfigs } from './stored-configs.js';

/** Each change causes a read: the first one at once, all further ones within this time together. */
const READ_EVERY_MS = 50;

type ChangesContext = Pick<Context, 'redis' | 'clock' | 'random' | 'options'>;

/**
 * Emits whenever a service's configurations may have changed: at once when one of ours wrote, within about
 * `config.checkIntervalMs` when another program did, and after each loss of the connection. Shared by all who subscribe.
 */
export function configChanges(context: ChangesContext, stored: StoredConfigs): Observable<void> {
  const { redis, clock, random, options } = context;
  const intervalMs = options.config.checkIntervalMs;
  const { channel } = stored;
  return new Observable<void>((observer) => {
    let seen: string | undefined;
    let timer: Timer | undefined;
    const changed = atMostEvery(clock, READ_EVERY_MS, () => observer.next());

    const look = async () => {
      if (!redis.isReady) return;
      // A failed look is repeated soon; the connection reports its own failure.
      const state = await stored.survey(Math.ceil(intervalMs / 2)).catch(() => seen);
      if (seen !== undefined && state !== seen) changed.tell();
      seen = state;
    };
    const lookAgain = () => {
      const pauseMs = Math.max(intervalMs * 1.1, stored.restMs);
      timer = clock.setTimeout(lookAndRepeat, jittered(pauseMs, random), { isUpkeep: true });
    };
    const lookAndRepeat = () => void look().finally(() => !observer.closed && lookAgain());
    const subscription = redis.subscribe(channel, () => changed.tell());
    const stopListening = redis.onState((state) => {
      // Announcements were missed while the connection was down.
      if (state === 'ready') changed.tell();
    });
    const begin = async () => {
      await subscription.confirmed();
      // Earlier changes were not noticed.
      changed.tell();
      await look();
    };
    // It is shared by all subscribers.
    outside(() => {
      // Without a connection, the channel is subscribed with the next one.
      begin().catch(() => undefined);
      lookAgain();
    });

    return () => {
      clock.clear(timer);
      changed.stop();
      stopListening();
      subscription.unsubscribe();
    };
  }).pipe(share());
}

/** Tells at once; of all that follows within `everyMs` once, at its end. */
function atMostEvery(clock: Clock, everyMs: number, act: () => void): { tell(): void; stop(): void } {
  let pause: Timer | undefined;
  let isDue = false;
  let isStopped = false;
  const tell = () => {
    if (isStopped) return;
    isDue = pause !== undefined;
    if (isDue) return;
    act();
    pause = clock.setTimeout(end, everyMs);
  };
  const end = () => {
    pause = undefined;
    if (isDue) tell();
  };
  const stop = () => {
    isStopped = true;
    clock.clear(pause);
  };
  return { tell, stop };
}
