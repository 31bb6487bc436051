import type { Redis } from 'ioredis';

import type { RedisCredentials } from '../../lib/index.js';

const RIGHTS = ['on', '~*', '&*', '+@all'];

interface Connection {
  readonly id: string;
  readonly user: string;
  readonly name: string;
}

/** Users of a Redis that are made as credentials are asked for: each has a password of its own. */
export class RotatingUsers {
  private count = 0;
  private removed = 0;

  /** @param admins a connection to each server */
  constructor(private readonly admins: readonly Redis[]) {}

  /** From now on nobody comes in without credentials. The connections that stand are let be. */
  async closeDefault(): Promise<void> {
    await Promise.all(this.admins.map((admin) => admin.ping()));
    await this.everywhere('ACL', 'SETUSER', 'default', 'resetpass', '>nobody-knows');
  }

  provider({ lifeMs }: { lifeMs: number }): () => Promise<RedisCredentials> {
    return async () => ({ ...(await this.add()), expiresAt: Date.now() + lifeMs });
  }

  /** A URL with credentials that stay. */
  async urlFor(url: string): Promise<string> {
    const { username, password } = await this.add();
    return url.replace('//', `//${username}:${password}@`);
  }

  streaming() {
    type Given = { username: string; password: string };
    const heard: ((given: Given) => void)[] = [];
    let disposed = 0;
    const add = () => this.add();
    return {
      get disposed() {
        return disposed;
      },
      next: async () => {
        const given = await add();
        for (const listener of heard) listener(given);
      },
      subscribe: async (listener: { onNext(this: void, given: Given): void }) => {
        heard.push(listener.onNext);
        const dispose = () => void disposed++;
        return [await add(), { dispose }] as [Given, { dispose(): void }];
      },
      onReAuthenticationError: () => undefined,
    };
  }

  /** As a server does whose tokens are over: they are not taken any more, and their connections are ended. */
  async expire(): Promise<void> {
    for (let n = 1; n <= this.count; n++) await this.everywhere('ACL', 'DELUSER', `user${n}`);
  }

  /** Removes all users but the latest. Redis ends what is still logged in as one of them. */
  async removeBefore(latest: number): Promise<void> {
    for (; this.removed < this.count - latest;)
      await this.everywhere('ACL', 'DELUSER', `user${++this.removed}`);
  }

  /** Those of processes, not of tests. */
  async connections(): Promise<readonly Connection[]> {
    const lists = await Promise.all(this.admins.map((admin) => admin.client('LIST')));
    return lists.flatMap((list, server) =>
      String(list)
        .split('\n')
        .map((line) => {
          const field = (name: string) => new RegExp(`\\b${name}=(\\S*)`).exec(line)?.[1] ?? '';
          return { id: `${server}/${field('id')}`, user: field('user'), name: field('name') };
        })
        .filter(({ user }) => user.startsWith('user')),
    );
  }

  private async add(): Promise<{ username: string; password: string }> {
    if (this.count === 0) await Promise.all(this.admins.map((admin) => admin.ping()));
    const username = `user${++this.count}`;
    const password = `password-of-${username}`;
    await this.everywhere('ACL', 'SETUSER', username, `>${password}`, ...RIGHTS);
    return { username, password };
  }

  private async everywhere(...words: [string, ...string[]]): Promise<void> {
    // A server may have been stopped by a test.
    const present = this.admins.filter(({ status }) => status === 'ready');
    await Promise.all(present.map((admin) => admin.call(...words)));
  }
}
