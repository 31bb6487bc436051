import { Redis, type Cluster } from 'ioredis';

import type { Login } from '../../options/credentials-options.js';

/** What the driver keeps of a connection: what it logged in with when it was made, and how it speaks. */
interface Condition {
  auth?: string | null | readonly [user: string, password: string];
  readonly protocol?: number;
  readonly subscriber?: unknown;
}

/** The words of Redis for credentials that it does not take. */
const REFUSED = /\b(WRONGPASS|NOAUTH)\b/;

/** Whether it is that Redis does not take the credentials. */
export function refusesLogin({ message }: Error): boolean {
  return REFUSED.test(message);
}

/** Gives a client, and all nodes that it knows of a Cluster, what their next connections show. */
export function giveLogin(client: Redis | Cluster, { username, password }: Login): void {
  for (const { options } of connectionsOf(client))
    Object.assign(options, { username: username ?? null, password });
}

/** Whether the connection was made with this, or has logged in with it since. */
export function isLoggedIn(client: Redis, login: Login): boolean {
  const { auth } = conditionOf(client);
  if (Array.isArray(auth)) return auth[0] === login.username && auth[1] === login.password;
  return login.username === undefined && auth === login.password;
}

/** Whether Redis takes only subscriptions here: so it is with RESP2. */
export function isClosedToCommands(client: Redis): boolean {
  const { protocol, subscriber } = conditionOf(client);
  return protocol !== 3 && Boolean(subscriber);
}

/**
 * Logs in anew, without anything being interrupted. A connection that is not ready yet is left out.
 *
 * Rejects as the driver does.
 */
export async function logInAgain(client: Redis, login: Login): Promise<void> {
  if (client.status !== 'ready' || isLoggedIn(client, login)) return;
  const { username, password } = login;
  const condition = conditionOf(client);
  await (username === undefined ? client.auth(password) : client.auth(username, password));
  condition.auth = username === undefined ? password : [username, password];
}

export function connectionsOf(client: Redis | Cluster): readonly Redis[] {
  return client instanceof Redis ? [client] : client.nodes('all');
}

function conditionOf(client: Redis): Condition {
  return (client as unknown as { condition?: Condition }).condition ?? {};
}
