import { MemoryRedis } from '../../lib/testing/memory-redis.js';

const redis = new MemoryRedis();
process.stdout.write(`${await redis.listen()}\n`);
process.once('SIGTERM', () => void redis.close());
