/** The inside of the library, compiled: what an application does by itself is done here by hand, many times over. */
const folder = new URL('../../../build/', import.meta.url);
const load = async <T>(file: string): Promise<T> => (await import(new URL(file, folder).href)) as T;

export const { resolveOptions } =
  await load<typeof import('../../../lib/hydra-options.js')>('hydra-options.js');
export const { createKeys } = await load<typeof import('../../../lib/protocol/keys.js')>('protocol/keys.js');
export const { encodeNode } =
  await load<typeof import('../../../lib/protocol/records.js')>('protocol/records.js');
export const { RedisConnections } = await load<typeof import('../../../lib/redis/redis-connections.js')>(
  'redis/redis-connections.js',
);
export const { beat } = await load<typeof import('../../../lib/registry/registry-scripts.js')>(
  'registry/registry-scripts.js',
);
export const { HydraInstance } =
  await load<typeof import('../../../lib/hydra-instance.js')>('hydra-instance.js');
export const { LegacyBridge } = await load<typeof import('../../../lib/registry/bridge/legacy-bridge.js')>(
  'registry/bridge/legacy-bridge.js',
);
