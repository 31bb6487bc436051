import type { Page } from 'playwright-core';

import { createKeys } from '../../lib/protocol/keys.js';
import { openPage } from '../support/browser.js';
import { startDashboard, withPage } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { edgesTo, registerMany } from '../support/many-instances.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';

const SERVICES = 40;
const HUB = 0;
const keys = createKeys({ namespace: 'hydra', layout: 'classic' });

/** A gateway that calls every fourth, each of which calls the three behind it, and one of them the gateway again. */
function callsOf(at: number): readonly number[] {
  if (at === HUB) return Array.from({ length: SERVICES / 4 }, (_, n) => 4 * n + 1);
  if (at % 4 === 1) return [at + 1, at + 2, (at + 3) % SERVICES, (at + 9) % SERVICES];
  return at % 8 === 3 ? [HUB] : [];
}

interface Box {
  readonly name: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Where the elements are that a selector finds, in the picture. */
async function boxes(page: Page, selector: string): Promise<readonly Box[]> {
  return page.evaluate<Box[]>(`(() => {
    const { left, top } = document.querySelector('.picture svg').getBoundingClientRect();
    return [...document.querySelectorAll('${selector}')].map((one) => {
      const box = one.getBoundingClientRect();
      const name = one.closest('.node')?.querySelector('title, text').textContent ?? one.textContent;
      const [x, y] = [box.left - left, box.top - top].map((n) => Math.round(n * 10) / 10);
      return { name, left: x, top: y, right: x + box.width, bottom: y + box.height };
    });
  })()`);
}

/** Half a pixel of a letter may touch. */
function overlapping(some: readonly Box[], others: readonly Box[]): readonly string[] {
  return some.flatMap((a) =>
    others
      .filter((b) => a !== b && !(a.name === b.name && a.left === b.left))
      .filter((b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5)
      .filter((b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5)
      .map((b) => `${a.name} and ${b.name}`),
  );
}

async function places(page: Page): Promise<ReadonlyMap<string, string>> {
  return new Map((await boxes(page, '.node rect')).map(({ name, left, top }) => [name, `${left} ${top}`]));
}

const nodes = (page: Page) => page.locator('.node').count();

describe('the topology of forty services, in a browser', () => {
  let url: string;
  let address: string;
  let names: readonly string[];

  beforeAll(async () => {
    await withPage();
    ({ url } = await startPrivateRedis());
    names = await registerMany(url, { services: SERVICES, each: 2, callsOf });
    ({ url: address } = await startDashboard(url));
  }, 120_000);

  async function opened(width: number): Promise<Page> {
    const { page } = await openPage(`${address}#/topology`, { viewport: { width, height: 800 } });
    await eventually(async () => (await nodes(page)) >= SERVICES, {
      what: 'all services',
      timeoutMs: 30_000,
    });
    return page;
  }

  async function forget(service: string): Promise<void> {
    await connectTo(url).srem(keys.directory, service);
  }

  it('puts no node on another, no name out of its node, and no words on a node or on other words', async () => {
    const page = await opened(1_200);
    const rects = await boxes(page, '.node rect');
    expect(rects).toHaveLength(SERVICES);
    expect(overlapping(rects, rects)).toEqual([]);
    const [texts, own] = [await boxes(page, '.node text'), new Map(rects.map((box) => [box.name, box]))];
    const isInside = (text: Box) =>
      text.left >= own.get(text.name)!.left && text.right <= own.get(text.name)!.right;
    expect(texts.filter((text) => !isInside(text))).toEqual([]);
    for (const name of [names[HUB]!, names[1]!, names[5]!]) {
      await page.goto(`${address}#/topology?node=${name}`);
      await page.locator('.node.chosen').waitFor();
      const labels = await boxes(page, '.arrow text');
      expect(labels.length).toBeGreaterThanOrEqual(4);
      expect(overlapping(labels, labels)).toEqual([]);
      expect(overlapping(labels, rects)).toEqual([]);
    }
  }, 60_000);

  it('leaves each node in its place when services and calls come and go, and when they come back', async () => {
    const page = await opened(1_200);
    const before = await places(page);
    const redis = connectTo(url);
    const gone = [names[2]!, names[9]!, names[30]!];
    // Nobody calls them any more, and they are registered no more: they are not shown.
    for (const at of names.keys()) {
      if (at === HUB || !callsOf(at).some((other) => gone.includes(names[other]!))) continue;
      const left = callsOf(at)
        .map((other) => names[other]!)
        .filter((name) => !gone.includes(name));
      for (const n of [0, 1]) await redis.set(keys.edges(names[at]!, idOf(2 * at + n)), edgesTo(left));
    }
    for (const n of [0, 1]) {
      const others = callsOf(HUB)
        .map((other) => names[other]!)
        .filter((name) => !gone.includes(name));
      await redis.set(keys.edges(names[HUB]!, idOf(n)), edgesTo([...others, 'newcomer']));
    }
    for (const name of gone) await forget(name);
    await page.locator('.node', { hasText: 'newcomer' }).waitFor();
    await eventually(async () => (await nodes(page)) === SERVICES - gone.length + 1, {
      what: 'those that are left',
      timeoutMs: 30_000,
    });
    const meanwhile = await places(page);
    const moved = [...before].filter(
      ([name, place]) => !gone.includes(name) && meanwhile.get(name) !== place,
    );
    expect(moved).toEqual([]);
    expect([...before.values()]).not.toContain(meanwhile.get('newcomer'));
    await redis.sadd(keys.directory, ...gone);
    // Another page in between, and back.
    await page.goto(`${address}#/services`);
    await page.getByRole('link', { name: gone[0]!, exact: true }).waitFor();
    await page.goto(`${address}#/topology`);
    await eventually(async () => (await nodes(page)) === SERVICES + 1, {
      what: 'all of them',
      timeoutMs: 30_000,
    });
    const after = await places(page);
    expect([...before].filter(([name, place]) => after.get(name) !== place)).toEqual([]);
  }, 90_000);

  it('fits a telephone: the picture scrolls by itself, and each node can be chosen by touch', async () => {
    const page = await opened(360);
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
    const last = page.locator('.node').last();
    await last.scrollIntoViewIfNeeded();
    await last.click();
    await page.locator('.node.chosen').waitFor();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
  }, 60_000);
});

function idOf(place: number): string {
  return place.toString(16).padStart(32, '0');
}
