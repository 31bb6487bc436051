import type { Stamp } from '../../protocol/message.js';
import type { RandomSource } from '../../runtime/random-source.js';
import type { Runtime } from '../../redis/connection/link.js';
import { isoTime } from '../../runtime/iso-time.js';

/** A new instance id, as Hydra 1.9 makes them: a UUID v4 without its dashes, which would split an address. */
export function createInstanceId(random: RandomSource): string {
  return random.uuid().replaceAll('-', '');
}

/** A new message id, as Hydra 1.9 makes them: a UUID v4. */
export function createMessageId(random: RandomSource): string {
  return random.uuid();
}

/** Identity and moment of a new message. */
export function createStamp(runtime: Runtime): Stamp {
  return { mid: createMessageId(runtime.random), timestamp: isoTime(runtime.clock.now()) };
}
