import type { RedisLocation } from '../hydra-options.js';
import { systemClock } from '../runtime/clock.js';
import { systemRandom } from '../runtime/random-source.js';
import type { Runtime } from './connection/link.js';

/** A Redis in memory brings time and randomness, which all its instances share; elsewhere they are the system's. */
export function runtimeOf(location: RedisLocation): Runtime {
  const { clock = systemClock, random = systemRandom } = (
    typeof location === 'object' ? location : {}
  ) as Partial<Runtime>;
  return { clock, random };
}
