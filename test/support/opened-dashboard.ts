import type { Type } from '@nestjs/common';
import type { Page } from 'playwright-core';

import { startService, type TestService } from './app.js';
import { openPage, type TestPage } from './browser.js';
import { startDashboard, withPage, type TestDashboard } from './dashboard.js';
import { startPrivateRedis } from './redis.js';
import { uniqueService } from './unique.js';

/** The dashboard of a Redis of its own, in a browser, with one service to look at. */
export class OpenedDashboard {
  private constructor(
    readonly redisUrl: string,
    readonly started: TestService,
    /** The name of the service. */
    readonly service: string,
    private board: TestDashboard,
    private readonly opened: TestPage,
  ) {}

  /** Ada looks at it. */
  static async open(controllers: Type[]): Promise<OpenedDashboard> {
    await withPage();
    const { url } = await startPrivateRedis();
    const service = uniqueService('shop');
    const started = await startService({ service, redis: url, version: '1.0.0' }, controllers);
    const board = await startDashboard(url, { who: () => 'Ada' });
    return new OpenedDashboard(url, started, service, board, await openPage(board.url));
  }

  get page(): Page {
    return this.opened.page;
  }

  get dashboard(): TestDashboard {
    return this.board;
  }

  /** What the page has complained of since it was asked last. */
  complaints(): string[] {
    return this.opened.complaints.splice(0);
  }

  /** Goes to a place of the page, such as `queues/math/default`. */
  async show(path: string): Promise<void> {
    await this.page.goto(`${this.board.url}#/${path}`);
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name }).first().click();
  }

  /** Says yes in the dialog that asks. */
  async confirm(name: string | RegExp): Promise<void> {
    await this.page.getByRole('dialog').getByRole('button', { name }).click();
  }

  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  async stopServer(): Promise<void> {
    await this.board.close();
  }

  /** On the same port as before. */
  async startServer(): Promise<void> {
    const port = Number(new URL(this.board.url).port);
    this.board = await startDashboard(this.redisUrl, { who: () => 'Ada' }, port);
  }
}
