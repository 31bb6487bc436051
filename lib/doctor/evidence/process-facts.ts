import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';

import type { HydraInstance } from '../../hydra-instance.js';
import type { Facts } from './facts.js';

/** What is known of this process without asking anybody. */
export function processFacts({ options, redis }: Pick<HydraInstance, 'options' | 'redis'>): Facts['process'] {
  const { used_heap_size: heapUsed, heap_size_limit: heapLimit } = getHeapStatistics();
  const { problem, warning } = redis.refusals.findings;
  return {
    nodeVersion: process.version,
    ...{ heapUsed, heapLimit, maxFiles: fileLimit(), maxPayloadBytes: options.maxPayloadBytes },
    refused: [problem, warning].filter((text) => text !== undefined),
  };
}

/** Linux says it; elsewhere it is not known. */
function fileLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
