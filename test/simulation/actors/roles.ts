import { AUDITOR } from './auditor.js';
import { CALLEE, CALLER } from './calls.js';
import { CONFIGURED, CONFIGURING } from './configs.js';
import { CONSUMER, PUBLISHER } from './entries.js';
import { LISTENER, PRODUCER, WORKER } from './jobs.js';
import type { Role } from './member.js';
import { WATCHER } from './registry.js';

export const ROLES = {
  callee: CALLEE,
  caller: CALLER,
  worker: WORKER,
  producer: PRODUCER,
  consumer: CONSUMER,
  publisher: PUBLISHER,
  configured: CONFIGURED,
  configuring: CONFIGURING,
  watcher: WATCHER,
  listener: LISTENER,
  auditor: AUDITOR,
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof ROLES;
