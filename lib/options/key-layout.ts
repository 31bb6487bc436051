import type { LayoutName } from '../protocol/keys.js';
import { badOption } from './checks.js';

const LAYOUTS: readonly unknown[] = ['classic', 'hash-tags'];

/**
 * The layout of the keys: hash tags on a Cluster, else Hydra 1.9's, unless it is said.
 *
 * @throws HydraError `BAD_OPTION` for another word, and for a Cluster without hash tags
 */
export function layout(given: LayoutName | undefined, redis: string | object): LayoutName {
  const isCluster = typeof redis === 'object' && 'cluster' in redis;
  const name = given ?? (isCluster ? 'hash-tags' : 'classic');
  if (!LAYOUTS.includes(name)) throw badOption('layout', name, `one of ${LAYOUTS.join(', ')}`);
  if (isCluster && name !== 'hash-tags')
    throw badOption('layout', name, 'hash-tags on a Cluster, where a script may use keys of one slot only');
  return name;
}
