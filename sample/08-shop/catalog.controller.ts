import { ConflictException, Controller, NotFoundException } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { InjectConfig, Live, StreamPattern } from 'nestjs-hydra';

import { PARCELS, type Article, type OrderRequest, type Parcel, type Quote } from './messages.js';
import { PriceConfig } from './price.config.js';
import { Shelf } from './shelf.js';

const LIST_CENTS: Readonly<Record<string, number>> = { teapot: 2_500, cup: 600, kettle: 4_000 };

/** What there is, and what it costs. */
@Controller()
export class CatalogController {
  constructor(
    @InjectConfig(PriceConfig) private readonly config: Live<PriceConfig>,
    private readonly shelf: Shelf,
  ) {}

  @MessagePattern('articles')
  articles(): Promise<Article[]> {
    return Promise.all(Object.keys(LIST_CENTS).map((name) => this.article(name)));
  }

  /** The gateway answers with the status of what is thrown here. */
  @MessagePattern('quote')
  async quote(@Payload() { article, count }: OrderRequest): Promise<Quote> {
    const { cents, inStock } = await this.article(article);
    if (count > inStock) throw new ConflictException(`only ${inStock} of "${article}" are left`);
    return { totalCents: cents * count };
  }

  /** A group of its own: `accounts` handles the same entries. */
  @StreamPattern(PARCELS, { type: 'packed', from: 'beginning' })
  packed(@Payload() { article, count, id }: Parcel): Promise<void> {
    return this.shelf.take(article, count, id);
  }

  private async article(name: string): Promise<Article> {
    const list = LIST_CENTS[name];
    if (list === undefined) throw new NotFoundException(`no article "${name}"`);
    const cents = Math.round((list * (100 - this.config.value.discount)) / 100);
    return { name, cents, inStock: await this.shelf.left(name) };
  }
}
