import type { HydraInstance } from '../../lib/hydra-instance.js';
import { connectTo, startInstance } from './registry.js';

const AN_HOUR_MS = 3_600_000;

/** What one instance has written of itself, and the names in it that are its own. */
interface Written {
  readonly service: string;
  readonly id: string;
  readonly record: string;
  readonly health: string;
  readonly edges: string;
}

interface Many {
  readonly services: number;
  readonly each: number;
  /** Which services one calls, by their places. */
  readonly callsOf?: (at: number) => readonly number[];
}

/**
 * Registers services with instances as a real one registers itself, without their processes: its records under other names. Each
 * calls the service after its own, or those that `callsOf` says.
 *
 * @returns the names of the services
 */
export async function registerMany(
  url: string,
  { services, each, callsOf }: Many,
): Promise<readonly string[]> {
  const instance = await startInstance({
    service: 'copied',
    redis: url,
    health: { intervalMs: 200, ttlMs: 2_000 },
  });
  const written = await writtenBy(url, instance);
  const { keys } = instance;
  const redis = connectTo(url);
  const names = Array.from({ length: services }, (_, n) => `service-${String(n).padStart(3, '0')}`);
  for (const [at, service] of names.entries()) {
    const pipeline = redis.pipeline().sadd(keys.directory, service);
    for (let n = 0; n < each; n++) {
      const id = (at * each + n).toString(16).padStart(32, '0');
      const of = (text: string) => text.replaceAll(written.id, id).replaceAll(written.service, service);
      pipeline.hset(keys.instances(service), id, of(written.record));
      pipeline.zadd(keys.beats(service), Date.now() + AN_HOUR_MS, id);
      pipeline.set(keys.health(service, id), of(written.health));
      pipeline.set(
        keys.edges(service, id),
        edgesTo((callsOf?.(at) ?? [(at + 1) % services]).map((other) => names[other]!)),
      );
    }
    await pipeline.exec();
  }
  await instance.close();
  return names;
}

async function writtenBy(url: string, { keys, id }: HydraInstance): Promise<Written> {
  const redis = connectTo(url);
  const record = (await redis.hget(keys.instances('copied'), id)) ?? '';
  const health = (await redis.get(keys.health('copied', id))) ?? '';
  if (record === '' || health === '') throw new Error('the instance has written nothing of itself');
  return { service: 'copied', id, record, health, edges: '' };
}

/** Calls of ten patterns to each of them. */
export function edgesTo(others: readonly string[]): string {
  const counts = Array.from({ length: 20 }, (_, n) => n);
  const edges = others.flatMap((other) =>
    Array.from({ length: 10 }, (_, n) => [
      ...['call', 'out', other, `pattern-${n}`],
      ...[190, { Error: 2 }, counts, 5],
    ]),
  );
  return JSON.stringify({ v: 1, windowMs: 5_000, edges });
}
