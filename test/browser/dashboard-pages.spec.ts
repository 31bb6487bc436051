/* oxlint-disable jest/no-standalone-expect -- hooks look as well */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Controller } from '@nestjs/common';
import { z } from 'zod';

import { ConfigStore, HydraLogger, QueueService, StreamPattern, StreamService } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { openPage } from '../support/browser.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { OpenedDashboard } from '../support/opened-dashboard.js';
import { connectTo } from '../support/registry.js';
import { startProxy } from '../support/proxy.js';
import { uniqueService } from '../support/unique.js';
import { startWorkers } from '../support/workers.js';

/** What the handler of the tests does meanwhile. */
const mood = { fails: true, ran: 0 };

@Controller()
class OrderController {
  @StreamPattern('orders', { attempts: 1 })
  order(): void {
    if (mood.fails) throw new Error('no stock');
    mood.ran++;
  }
}

describe('the dashboard in a browser', () => {
  let at: OpenedDashboard;

  beforeAll(async () => {
    at = await OpenedDashboard.open([OrderController]);
  });

  afterEach(() => expect(at.complaints()).toEqual([]));

  it('shows a stream, redrives what a group gave up, and replays', async () => {
    const streams = at.started.app.get(StreamService);
    mood.fails = true;
    await streams.publish('orders', { n: 1 });
    const lost = async () => (await streams.info('orders')).groups[0]?.deadLetters;
    await eventually(async () => (await lost()) === 1, { what: 'a dead letter' });
    mood.fails = false;
    await at.show('streams/orders');
    await at.sees('no stock');
    await at.press(/^Redrive \d/);
    await eventually(async () => (await lost()) === 0, { what: 'it is handled' });
    await eventually(() => mood.ran > 0, { what: 'a run' });
    const ran = mood.ran;
    await at.page.getByLabel('from').fill('beginning');
    await at.press(/^Replay/);
    await at.sees(/handled again, with all that this does/);
    await at.confirm('Replay');
    await eventually(() => mood.ran > ran, { what: 'it is handled again' });
  });

  it('shows who reads a group of a stream, and what is pending with whom', async () => {
    const streams = at.started.app.get(StreamService);
    const redis = connectTo(at.redisUrl);
    const key = 'hydra:stream:slow-orders';
    const ids = [];
    for (let n = 0; n < 60; n++) ids.push(await streams.publish('slow-orders', { n }));
    await redis.xgroup('CREATE', key, 'billing', '0');
    await redis.xreadgroup('GROUP', 'billing', 'a foreign program', 'COUNT', 60, 'STREAMS', key, '>');
    await at.show('streams/slow-orders');
    await at.page.getByRole('link', { name: 'billing', exact: true }).click();
    await at.page.getByRole('row', { name: /^a foreign program 60 / }).waitFor();
    await at.page.getByRole('row', { name: new RegExp(`^${ids[0]!} a foreign program`) }).waitFor();
    expect(await at.page.getByRole('row', { name: new RegExp(`^${ids[50]!} `) }).count()).toBe(0);
    await at.press('More of them');
    await at.page.getByRole('row', { name: new RegExp(`^${ids[59]!} a foreign program`) }).waitFor();
  });

  it('leads from what is wrong with a group of a stream to this group', async () => {
    const redis = connectTo(at.redisUrl);
    const streams = at.started.app.get(StreamService);
    await streams.publish('unread', { n: 1 });
    await redis.xgroup('CREATE', 'hydra:stream:unread', 'nobody', '0');
    await at.show('overview');
    await at.page.getByRole('link', { name: 'stream unread (nobody)' }).click();
    await at.page.getByRole('heading', { name: 'Pending entries of nobody' }).waitFor();
  }, 90_000);

  it('says of an instance of an older version what it does not report', async () => {
    const service = uniqueService('old');
    const redis = connectTo(at.redisUrl);
    const record = {
      serviceName: service,
      instanceID: 'ab'.repeat(16),
      ip: '127.0.0.1',
      port: 1,
      version: '1.0.0',
    };
    await redis.sadd('hydra:service:directory', service);
    await redis.hset(
      `hydra:service:${service}:instances`,
      record.instanceID,
      JSON.stringify({
        ...record,
        updatedOn: new Date().toISOString(),
        unknown: 98765432109876543210n.toString(),
      }),
    );
    await redis.zadd(`hydra:service:${service}:beats`, Date.now() + 600_000, record.instanceID);
    await at.show(`services/${service}?instance=${record.instanceID}`);
    const fact = (name: string) => at.page.locator('.facts div', { hasText: new RegExp(`^${name}`) });
    for (const name of ['Node.js', 'Tags', 'Metadata', 'Activity'])
      await fact(name).getByText('not reported').first().waitFor();
    await at.page.locator('pre', { hasText: '98765432109876543210' }).first().waitFor();
    await redis.srem('hydra:service:directory', service);
  });

  it('shows a configuration with all digits of its numbers', async () => {
    const redis = connectTo(at.redisUrl);
    await redis.hset(`hydra:service:${at.service}:configs`, '0.0.1', '{"limit":12345678901234567890}');
    await at.show(`configuration/${at.service}?version=0.0.1`);
    const text = at.page.getByLabel('The document, as JSON');
    await text.waitFor();
    expect(await text.inputValue()).toBe('{\n  "limit": 12345678901234567890\n}');
    await redis.hdel(`hydra:service:${at.service}:configs`, '0.0.1');
  });

  it('says which instance has refused a configuration that was written, and why', async () => {
    const service = uniqueService('strict');
    await at.started.app.get(ConfigStore).of(service).put('2.0.0', { limit: 1 });
    const config = { schema: z.object({ limit: z.number() }) };
    const health = { intervalMs: 500, ttlMs: 5_000 };
    const redis = at.redisUrl;
    await startService({ service, redis, version: '2.0.0', config, health }, []);
    await at.show(`configuration/${service}?version=2.0.0`);
    const text = at.page.getByLabel('The document, as JSON');
    await text.fill('{"limit":"many"}');
    await at.press('Write');
    await at.sees(`No schema of ${service} is known here`);
    await at.sees('a newer one, @2');
    await at.page.getByRole('row', { name: /2\.0\.0@1 a newer one, @2 .*limit/ }).waitFor();
  });

  it('writes a configuration where nobody else has, keeps its secrets, and puts it back', async () => {
    const store = at.started.app.get(ConfigStore);
    await store.put('1.0.0', { limit: 1, db: { password: 'hunter2' } }, { by: 'Bob', why: 'first' });
    await at.show(`configuration/${at.service}?version=1.0.0`);
    const text = at.page.getByLabel('The document, as JSON');
    await text.waitFor();
    expect(await text.inputValue()).not.toContain('hunter2');
    await text.fill((await text.inputValue()).replace('"limit": 1', '"limit": 12345678901234567890'));
    await at.press('Write');
    await at.sees(/more digits than a number in JavaScript keeps/);
    await text.fill((await text.inputValue()).replace('12345678901234567890', '2'));
    await store.put('1.0.0', { limit: 3, db: { password: 'hunter2' } }, { by: 'Bob' });
    await at.press('Write');
    await at.sees(/is at revision 2, expected 1/);
    await at.press('Read again');
    await eventually(async () => (await text.inputValue()).includes('"limit": 3'), {
      what: 'what Bob wrote',
    });
    await text.fill((await text.inputValue()).replace('"limit": 3', '"limit": 4'));
    await at.page.getByLabel('Why').fill('a test');
    await at.press('Write');
    await eventually(async () => (await store.get<{ limit: number }>('1.0.0'))?.limit === 4, {
      what: 'a write',
    });
    expect(await store.get('1.0.0')).toEqual({ limit: 4, db: { password: 'hunter2' } });
    expect((await store.history())[0]).toMatchObject({ by: 'Ada', why: 'a test' });
    await at.page.getByRole('link', { name: 'Differences to now' }).last().click();
    await at.sees('From @1 to 1.0.0');
    await at.page.getByLabel('Compare').selectOption('@2');
    await at.page.getByLabel('with').selectOption('@3');
    await at.press('Show differences');
    await at.sees('From @2 to @3');
    await at.page.getByRole('row', { name: /^limit changed 3 4$/ }).waitFor();
    await at.press('Put back revision 1');
    await at.confirm('Put back');
    await eventually(async () => (await store.get<{ limit: number }>('1.0.0'))?.limit === 1, {
      what: 'the first',
    });
    expect(at.complaints()).toEqual([expect.stringContaining('422'), expect.stringContaining('409')]);
  });

  it('shows what others wrote as text, and runs nothing of it', async () => {
    const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    const queues = at.started.app.get(QueueService);
    const { id } = await queues.add(evil, { [evil]: evil }, { delayMs: 3_600_000 });
    await at.started.app.get(StreamService).publish('evil', { [evil]: evil }, { type: evil });
    at.started.app.get(HydraLogger).error(evil, evil);
    await at.show(`queues/${at.service}/default/${id}`);
    await at.page.locator('pre', { hasText: 'onerror=alert(1)' }).first().waitFor();
    await at.show(`queues/${at.service}/default?view=delayed`);
    await at.page.getByRole('cell', { name: evil }).waitFor();
    await at.show('streams/evil');
    await at.page.locator('summary').first().click();
    await at.page.locator('pre', { hasText: 'onerror=alert(1)' }).first().waitFor();
    await at.show(`logs/${at.service}`);
    await at.page.locator('.line', { hasText: 'onerror=alert(1)' }).waitFor();
    await at.show(`queues/${encodeURIComponent(evil)}/${encodeURIComponent(evil)}`);
    await at.page.getByRole('heading', { name: `${evil} / ${evil}` }).waitFor();
    expect(await at.page.locator('img, main script').count()).toBe(0);
    // There can be no queue of such a name, and nothing else was wrong.
    expect(at.complaints().filter((text) => !text.includes('400'))).toEqual([]);
    await queues.remove(id);
  });

  it('is not shown inside a page of another site, which can have nothing done either', async () => {
    const queues = at.started.app.get(QueueService);
    const address = at.dashboard.url;
    const order = JSON.stringify({ action: 'queue.pause', service: at.service });
    const site = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<iframe src="${address}"></iframe>
        <form method="post" enctype="text/plain" action="${address}act"><input name='${order.slice(0, -1)},"x":"' value='"}'></form>`);
    }).listen(0, '127.0.0.1');
    atEnd(() => site.close());
    await once(site, 'listening');
    const { page, complaints } = await openPage(`http://localhost:${(site.address() as AddressInfo).port}/`);
    expect(await page.frames()[1]!.content()).not.toContain('page.js');
    const sent = await page.evaluate<string>(`fetch('${address}act', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hydra-dashboard': '1' },
      body: '${order}',
    }).then(() => 'answered', () => 'refused')`);
    expect(sent).toBe('refused');
    await page.evaluate(`document.forms[0].submit()`);
    await page.getByText('refused: it comes from another site').waitFor();
    expect((await queues.counts()).isPaused).toBe(false);
    expect(complaints.join()).toMatch(/frame-ancestors|X-Frame-Options|refused to connect/i);
    expect(at.dashboard.audit.filter((line) => line.includes('pause'))).toEqual([]);
  });

  it('sees an instance that is killed', async () => {
    const name = uniqueService('killed');
    const [worker] = await startWorkers(name, at.redisUrl, 1);
    await at.show(`services/${name}`);
    await at.page.getByRole('cell', { name: worker!.id.slice(0, 8) }).waitFor();
    await worker!.kill('SIGKILL');
    await at.sees('No instance of it is alive.');
  }, 150_000);

  it('comes back by itself, and asks for nothing while it is hidden', async () => {
    await at.show('services');
    await at.page.getByRole('link', { name: at.service, exact: true }).waitFor();
    const hide = (isHidden: boolean) =>
      at.page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
        document.dispatchEvent(new Event('visibilitychange'))`,
      );
    await hide(true);
    await eventually(() => at.dashboard.dashboard.collector.size === 0, { what: 'nobody who looks' });
    await hide(false);
    await eventually(() => at.dashboard.dashboard.collector.size > 0, { what: 'somebody who looks' });
    await at.stopServer();
    await at.sees(/The connection to the server is lost/);
    await at.startServer();
    await at.page.getByText('live').waitFor();
    expect(at.complaints().filter((text) => !text.includes('net::ERR_'))).toEqual([]);
  });

  it('notices a connection that says nothing any more, and comes back by itself', async () => {
    const link = await startProxy(at.dashboard.url);
    const { page } = await openPage('about:blank');
    await page.clock.install();
    await page.goto(`${link.url}#/services`);
    await page.getByText('live · Ada').waitFor();
    link.freeze();
    await page.clock.fastForward(24_000);
    await page.getByText('live · Ada').waitFor();
    await page.clock.fastForward(10_000);
    await page.getByText(/nothing was heard for 25 seconds/).waitFor();
    link.thaw();
    await eventually(
      async () => {
        await page.clock.runFor(1_000);
        return page.getByText('live · Ada').isVisible();
      },
      { what: 'a live page' },
    );
  });
});
