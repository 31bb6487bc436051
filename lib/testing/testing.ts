/** `nestjs-hydra/testing`: what tests of applications use. */
export { type Duration } from './duration.js';
export { MemoryRedis, type MemoryRedisOptions } from './memory-redis.js';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
