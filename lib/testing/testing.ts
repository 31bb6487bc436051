/** `nestjs-hydra/testing`: what tests of applications use. */
export { MemoryRedis, type MemoryRedisOptions } from './memory-redis.js';
