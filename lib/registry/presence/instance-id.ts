import type { Stamp } from '../../protocol/message.js';
import { systemClock } from '../../runtime/clock.js';
import { systemRandom, type RandomSource } from '../../runtime/random-source.js';
import type { Runtime } from '../../redis/connection/link.js';

/** A new instance id, as Hydra 1.9 makes them: a UUID v4 without its dashes, which would split an address. */
export function createInstanceId(random: RandomSource = systemRandom): string {
  return random.uuid().replaceAll('-', '');
}

/** A new message id, as Hydra 1.9 makes them: a UUID v4. */
export function createMessageId(random: RandomSource = systemRandom): string {
  return random.uuid();
}

/** Identity and moment of a new message. */
export function createStamp(runtime: Runtime = { clock: systemClock, random: systemRandom }): Stamp {
  return { mid: createMessageId(runtime.random), timestamp: new Date(runtime.clock.now()).toISOString() };
}
