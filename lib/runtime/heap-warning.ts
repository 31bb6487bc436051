import { getHeapStatistics } from 'node:v8';

/** As the alert rule of docs/observability/alerts.yml has it. */
const NEARLY = 0.9;

interface Heap {
  readonly used_heap_size: number;
  readonly heap_size_limit: number;
}

/** What a person should know of the memory of this process; undefined while there is enough. */
export function heapWarning({ used_heap_size: used, heap_size_limit: limit }: Heap = getHeapStatistics()) {
  return used > limit * NEARLY ? `${Math.round((used / limit) * 100)} % of its heap are used` : undefined;
}
