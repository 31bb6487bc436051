import { Injectable } from '@nestjs/common';

import { Storage } from './storage.js';

const AT_FIRST = 1_000;

/** What is left of each article. */
@Injectable()
export class Shelf {
  constructor(private readonly storage: Storage) {}

  async left(article: string): Promise<number> {
    const taken = await this.storage.hvals(`taken:${article}`);
    return AT_FIRST - taken.reduce((sum, count) => sum + Number(count), 0);
  }

  /** Taken twice for the same order, it is taken once: an entry may be handled more than once. */
  async take(article: string, count: number, orderId: string): Promise<void> {
    await this.storage.hset(`taken:${article}`, orderId, count);
  }
}
