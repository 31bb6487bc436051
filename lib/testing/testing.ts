/** `nestjs-hydra/testing`: what tests of applications use. */
export { type Duration } from './duration.js';
export type { MemoryProcess } from './memory-process.js';
export type { RedisCopy, RedisFaults } from './redis-faults.js';
export { MemoryRedis, type MemoryRedisOptions } from './memory-redis.js';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
