import { allowedCommands, type CommandWords } from '../../redis/allowed.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { known } from './known.js';
import type { Asked } from './asked.js';

/** What asking whether something may be asked costs, in commands at most. */
export const ASKING = 2;

/** Throws for a command that this user may not run. */
export type Permitted = (name: string) => void;

/**
 * Asks first which commands the user may run: Redis notes each one that it refuses in ACL LOG, and whoever looks every few seconds
 * would fill it. Where that cannot be asked, all of them are tried.
 *
 * @param commands by name, whole as they will be asked
 */
export async function permitted(
  asked: Asked,
  client: RedisClient,
  commands: Readonly<Record<string, CommandWords>>,
): Promise<Permitted> {
  const words = Object.values(commands);
  const found = await known(() =>
    asked.ask('ask for permissions', () => allowedCommands(client, words), ASKING),
  );
  const may = 'value' in found ? found.value : [];
  const refused = new Set(Object.keys(commands).filter((_, index) => may[index] === false));
  return (name) => {
    if (refused.has(name)) throw new Error(`${name}: NOPERM this user may not run it`);
  };
}
