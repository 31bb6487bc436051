import type { RedisLocation } from '../../lib/index.js';

/** Tells a process of ours where its Redis is: see {@link redisOfProcess}. */
export function environmentFor(redis: RedisLocation): Record<string, string> {
  return typeof redis === 'string'
    ? { HYDRA_REDIS_URL: redis }
    : { HYDRA_TEST_LOCATION: JSON.stringify(redis) };
}

/** Of a process that a test has started: where its Redis is, unless that is a URL, which the library finds by itself. */
export function redisOfProcess(): { readonly redis?: RedisLocation } {
  const location = process.env['HYDRA_TEST_LOCATION'];
  return location ? { redis: JSON.parse(location) as RedisLocation } : {};
}
