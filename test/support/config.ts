import { ConfigStore, type ConfigOptions, type LayoutName, type RedisLocation } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from './at-end.js';
import { asOwnUser } from './own-user.js';
import { testRedisUrl } from './redis.js';

export interface OpenStore {
  readonly store: ConfigStore;
  readonly instance: HydraInstance;
  close(this: void): Promise<void>;
}

/** A store of a service that takes no part otherwise; closed at the end of the test file at the latest. */
export async function openStore(
  service: string,
  config: ConfigOptions = {},
  options: { readonly version?: string; readonly redis?: RedisLocation; readonly layout?: LayoutName } = {},
): Promise<OpenStore> {
  const redis = options.redis ?? (await testRedisUrl());
  const instance = new HydraInstance(resolveOptions(asOwnUser({ service, ...options, redis, config })));
  const store = new ConfigStore(instance);
  const close = async () => {
    store.running.close();
    await instance.close();
  };
  atEnd(close);
  return { store, instance, close };
}
