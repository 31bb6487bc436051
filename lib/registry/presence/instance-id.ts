import { randomUUID } from 'node:crypto';

import type { Stamp } from '../../protocol/message.js';

/** A new instance id, as Hydra 1.9 makes them: a UUID v4 without its dashes, which would split an address. */
export function createInstanceId(): string {
  return randomUUID().replaceAll('-', '');
}

/** A new message id, as Hydra 1.9 makes them: a UUID v4. */
export function createMessageId(): string {
  return randomUUID();
}

/** Identity and moment of a new message. */
export function createStamp(): Stamp {
  return { mid: createMessageId(), timestamp: new Date().toISOString() };
}
