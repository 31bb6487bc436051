/** `nestjs-hydra/testing`: what tests of applications use. */
export { type Duration } from './duration.js';
export { HydraTest, type ExpectOptions, type HydraTestOptions } from './kit/hydra-test.js';
export type { Matcher } from './kit/matcher.js';
export type { EventRecord, HandledRecord, JobRecord } from './kit/records.js';
export type { Stub, StubFunction } from './kit/stub.js';
export type { HydraTestModule, OverrideModule } from './kit/test-applications.js';
export type { TestInstance } from './kit/test-instance.js';
export type { MemoryProcess } from './memory-process.js';
export type { RedisCopy, RedisFaults } from './redis-faults.js';
export { MemoryRedis, type MemoryRedisOptions } from './memory-redis.js';
export { startRedis, type StartedRedis, type StartRedisOptions } from './real/start-redis.js';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
