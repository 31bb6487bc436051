import type { Check } from '../finding.js';
import { MEMORY_CHECKS } from './memory-checks.js';
import { PROCESS_CHECKS } from './process-checks.js';
import { QUEUE_CHECKS } from './queue-checks.js';
import { REACH_CHECKS } from './reach-checks.js';
import { REGISTRY_CHECKS } from './registry-checks.js';
import { SERVER_CHECKS } from './server-checks.js';
import { STREAM_CHECKS } from './stream-checks.js';

/** Everything that is looked for, in the order of the page. */
export const CHECKS: readonly Check[] = [
  ...REACH_CHECKS,
  ...SERVER_CHECKS,
  ...MEMORY_CHECKS,
  ...REGISTRY_CHECKS,
  ...QUEUE_CHECKS,
  ...STREAM_CHECKS,
  ...PROCESS_CHECKS,
];
