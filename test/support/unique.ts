import { randomBytes } from 'node:crypto';

/**
 * A service name no other test has. Pub/sub ignores the database number, so names are what keeps tests apart; lower
 * case, because Hydra lower-cases them.
 */
export function uniqueService(name = 'svc'): string {
  const unique = `${name.toLowerCase()}-${randomBytes(4).toString('hex')}`;
  names.push(unique);
  return unique;
}

const names: string[] = [];

/** All that this test file has made. */
export function uniqueNames(): readonly string[] {
  return [...names];
}
