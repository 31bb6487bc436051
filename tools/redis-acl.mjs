/** A Redis on this machine whose ACL LOG has to stay empty: each application of a test has a user with its own rights. */
import { Redis } from 'ioredis';
import { startRedis } from './redis.mjs';

/** Resolves with `{ url, location, refused, stop }`; `refused()` says in a line each what Redis refused to whom. */
export async function startRedisAcl({ log } = {}) {
  const redis = await startRedis({ args: ['--acllog-max-len', '1000'], ownOnly: true, log });
  const admin = new Redis(redis.url);
  const refused = async () => (await admin.call('ACL', 'LOG', 1_000)).map(lineOf);
  const stop = async () => {
    admin.disconnect();
    await redis.stop();
  };
  return { url: redis.url, location: { host: '127.0.0.1', port: redis.port }, refused, stop };
}

function lineOf(entry) {
  const field = (name) => String(entry[entry.indexOf(name) + 1]);
  return `${field('username')}: ${field('reason')} ${field('object')} in ${field('context')} (${field('count')} times)`;
}
