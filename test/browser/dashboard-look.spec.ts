import { join } from 'node:path';

import type { Page } from 'playwright-core';

import { barriersOf } from '../support/axe.js';
import { openPage } from '../support/browser.js';
import { startDashboard, withPage } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { savePicture } from '../support/picture.js';
import { startPrivateRedis } from '../support/redis.js';
import { startShopFleet } from '../support/shop-fleet.js';

/** Each page, by the name of its picture, and what is there when all of it is. */
const PAGES: readonly (readonly [name: string, path: string, text: string | RegExp])[] = [
  ['overview', 'overview', /things are looked for/],
  ['topology', 'topology', 'order.place'],
  ['services', 'services', '2.0.1'],
  ['service', 'services/orders', /in detail/],
  ['logs', 'logs/mail', 'the mail server is slow'],
  ['queues', 'queues', 'mail / default'],
  ['dead-letters', 'queues/mail/default?view=dead', /no host for/],
  ['failures', 'queues/mail/default?view=failures', /10 ×/],
  ['schedules', 'queues/mail/default?view=schedules', 'newsletter'],
  ['delayed', 'queues/mail/default?view=delayed', 'Start now'],
  ['streams', 'streams', 'receipts'],
  ['stream', 'streams/sold', 'no address'],
  ['group', 'streams/sold?group=receipts', 'Pending entries of receipts, the oldest first'],
  ['configuration', 'configuration', 'orders'],
  ['document', 'configuration/orders?version=1.4.2', 'Which instance runs what'],
  ['differences', 'configuration/orders?a=%401&b=1.4.2', 'From @1 to 1.4.2'],
  ['nowhere', 'nowhere', 'There is no such page.'],
];
const WIDE = { width: 1_100, height: 700 };
const NARROW = { width: 360, height: 740 };
/** Where pictures of the pages go; none are made where it is left out. */
const PICTURES = process.env['HYDRA_PICTURES'];

let url: string;

beforeAll(async () => {
  await withPage();
  const redis = (await startPrivateRedis()).url;
  await startShopFleet(redis);
  ({ url } = await startDashboard(redis, { who: () => 'Ada' }));
}, 120_000);

async function shown(page: Page, path: string, text: string | RegExp): Promise<void> {
  await page.goto(`${url}#/${path}`);
  await page.getByText(text).first().waitFor();
  await page.getByText('live · Ada').waitFor();
}

describe.each(['light', 'dark'] as const)('a page of the dashboard, %s', (colorScheme) => {
  let page: Page;
  beforeAll(async () => {
    ({ page } = await openPage(url, { colorScheme, viewport: WIDE, reducedMotion: 'reduce' }));
  });

  it.each(PAGES)('%s has no barrier', async (name, path, text) => {
    await shown(page, path, text);
    // What is folded up is part of the page.
    await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`);
    expect(await barriersOf(page)).toEqual([]);
    await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = false`);
    if (PICTURES === undefined || name === 'nowhere') return;
    await savePicture(page, join(PICTURES, `${name}-${colorScheme}.webp`));
  });

  it('has no barrier in a question', async () => {
    await shown(page, 'queues/mail/default', 'Pause');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await barriersOf(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await eventually(async () => (await page.getByRole('dialog').count()) === 0, { what: 'no dialog' });
  });
});

describe('a page of the dashboard on a telephone', () => {
  let page: Page;
  beforeAll(async () => {
    ({ page } = await openPage(url, { viewport: NARROW, hasTouch: true }));
  });

  it.each(PAGES)('%s is no wider than that, and has no barrier', async (name, path, text) => {
    await shown(page, path, text);
    await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = true`);
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(NARROW.width);
    expect(await barriersOf(page)).toEqual([]);
    if (PICTURES !== undefined && name === 'overview')
      await savePicture(page, join(PICTURES, 'telephone.webp'));
  });
});

describe('the dashboard without a mouse', () => {
  let page: Page;
  beforeAll(async () => {
    ({ page } = await openPage(url, { viewport: WIDE }));
  });

  /** Goes on with the Tab key until what has the focus has this name. */
  async function tabTo(name: RegExp): Promise<void> {
    for (let steps = 0; steps < 150; steps++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate<string>(
        `document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`,
      );
      if (name.test(focused)) return;
    }
    throw new Error(`the Tab key does not lead to ${String(name)}`);
  }

  it('leads past the navigation, to a queue, and removes a job after a question', async () => {
    await shown(page, 'overview', /things are looked for/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('content');
    await page.keyboard.press('Shift+Tab');
    await tabTo(/^Queues$/);
    await page.keyboard.press('Enter');
    await page.getByText('mail / default').waitFor();
    await tabTo(/^mail \/ default$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'mail / default' }).waitFor();
    await tabTo(/^delayed$/);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Start now' }).first().waitFor();
    const left = () => page.getByRole('button', { name: /^Remove [\da-f]/ }).count();
    expect(await left()).toBe(5);
    await tabTo(/^Remove [\da-f]/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(/^Remove$/);
    await page.keyboard.press('Enter');
    await eventually(async () => (await left()) === 4, { what: 'four jobs' });
  });
});
