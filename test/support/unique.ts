import { randomBytes } from 'node:crypto';

/**
 * A service name no other test has. Pub/sub ignores the database number, so names are what keeps tests apart; lower
 * case, because Hydra lower-cases them.
 */
export function uniqueService(name = 'svc'): string {
  return `${name.toLowerCase()}-${randomBytes(4).toString('hex')}`;
}
