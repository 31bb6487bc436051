import { Redis, type Cluster } from 'ioredis';

import type { CredentialKeeper } from '../credentials/credential-keeper.js';
import {
  connectionsOf,
  giveLogin,
  isClosedToCommands,
  isLoggedIn,
  logInAgain,
  refusesLogin,
} from '../credentials/driver-login.js';
import { withTimeout } from '../../runtime/waiting.js';
import type { Clock } from '../../runtime/clock.js';
import type { Login } from '../../options/credentials-options.js';
import { isReply, redisError } from '../redis-error.js';

interface OpenOptions {
  readonly clock: Clock;
  readonly connection: { readonly commandTimeoutMs: number };
}

/** Where the connections of a client get what they show to Redis, and get it again. */
export class LinkLogin {
  private isAsking = false;
  /** What a node of the Cluster said last against a login, until one takes one. */
  private atNode: { readonly login: Login | undefined; readonly error: Error } | undefined;
  /** At most one AUTH is under way on each connection: behind a read that blocks, older ones would wait in vain. */
  private readonly renewing = new WeakMap<Redis, Promise<Error | undefined>>();

  constructor(
    private readonly client: Redis | Cluster,
    private readonly keeper: CredentialKeeper,
  ) {
    if (client instanceof Redis) return;
    client.on('+node', (node: Redis) => {
      this.give(node);
      node.on('ready', () => {
        this.atNode = undefined;
        void this.renewOne(node);
      });
    });
  }

  /** Whether the provider is being asked: a connection is made then anyway. */
  get isAwaited(): boolean {
    return this.isAsking;
  }

  /**
   * Gives the client what it is to show next, asked for where needed. Then one of the two is called, at once where nothing
   * has to be asked.
   */
  prepare(connect: () => void, failed: (error: Error) => void): void {
    const ready = () => {
      this.give(this.client);
      connect();
    };
    if (this.keeper.isFresh) return ready();
    this.isAsking = true;
    const over = (act: () => void) => {
      this.isAsking = false;
      act();
    };
    this.keeper.fresh().then(
      () => over(ready),
      (error: Error) => over(() => failed(error)),
    );
  }

  /** Logs all connections that stand in with the latest. Resolves with what Redis said against it. */
  async renew(): Promise<Error | undefined> {
    this.give(this.client);
    const answers = await Promise.all(connectionsOf(this.client).map((node) => this.renewOne(node)));
    return answers.find((answer) => answer !== undefined);
  }

  /** A node of the Cluster refuses the connection that the driver makes to it: when that is for the login, others are asked for. */
  nodeFailed(error: Error, node: string): void {
    const { keeper } = this;
    if (!refusesLogin(error)) return;
    this.atNode = { login: keeper.login, error };
    keeper.refusedByNode(redisError(`connect to the node ${node}`, error));
  }

  /** What a node of the Cluster says against the latest, to which there is no connection. */
  get refusalAtNode(): Error | undefined {
    const { login: latest } = this.keeper;
    const { login, error } = this.atNode ?? {};
    return login?.password === latest?.password && login?.username === latest?.username ? error : undefined;
  }

  /**
   * Opens a second connection with the latest.
   *
   * Rejects as the driver does, and when it is not open within `connection.commandTimeoutMs`.
   */
  async open(next: Redis, { clock, connection }: OpenOptions): Promise<void> {
    const { commandTimeoutMs } = connection;
    this.give(next);
    await withTimeout(
      clock,
      next.connect(),
      commandTimeoutMs,
      () => new Error('no second connection in time'),
    );
  }

  /** Whether there is a newer login than that of a connection which takes no AUTH. */
  get isBehind(): boolean {
    const { login } = this.keeper;
    const { client } = this;
    if (!login || !(client instanceof Redis)) return false;
    return isClosedToCommands(client) && !isLoggedIn(client, login);
  }

  private renewOne(node: Redis): Promise<Error | undefined> {
    const under = this.renewing.get(node) ?? this.catchUp(node).finally(() => this.renewing.delete(node));
    this.renewing.set(node, under);
    return under;
  }

  private async catchUp(node: Redis): Promise<Error | undefined> {
    for (;;) {
      const { login } = this.keeper;
      if (!login || isClosedToCommands(node)) return undefined;
      const answer = await logInAgain(node, login).catch((error: Error) => error);
      if (login === this.keeper.login) return isReply(answer) ? answer : undefined;
    }
  }

  private give(client: Redis | Cluster): void {
    if (this.keeper.login) giveLogin(client, this.keeper.login);
  }
}
