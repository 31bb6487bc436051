/* oxlint-disable jest/no-standalone-expect -- hooks and a test of choice look as well */
import { Controller } from '@nestjs/common';
import type { Page } from 'playwright-core';

import {
  ConfigStore,
  HydraJobContext,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { Ctx, Payload } from '@nestjs/microservices';
import { startService, type TestService } from '../support/app.js';
import { chromiumPath, openPage, type TestPage } from '../support/browser.js';
import { startDashboard, withPage, type TestDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { createMessage } from '../../lib/protocol/message.js';
import { writeDeadLetter } from '../../lib/queue/model/dead-letter.js';
import { uniqueService } from '../support/unique.js';
import { startWorkers } from '../support/workers.js';

const isFull = process.env['HYDRA_TEST_BROWSER'] === 'all';
const MANY = 100_000;
const whereFound = chromiumPath() ? describe : describe.skip;
if (!chromiumPath())
  console.info('no Chromium is found, so the dashboard is not tried in one: see npm run test:browser');

/** Dead letters as the worker writes them, by few commands. */
async function fillDeadLetters(url: string, service: string, count: number): Promise<void> {
  const redis = connectTo(url);
  const stamp = { mid: '', timestamp: new Date().toISOString() };
  const key = `hydra:service:${service}:mqincomplete`;
  for (let from = 0; from < count; from += 1_000) {
    const texts = Array.from({ length: 1_000 }, (_, n) => {
      const id = `many-${from + n}`;
      const message = createMessage(
        { to: `${service}:/`, from: `${service}:/`, type: 'work', body: { n } },
        { ...stamp, mid: id },
      );
      const death = { reason: `no user ${n}`, diedOn: stamp.timestamp, attempts: 1, history: [] };
      return writeDeadLetter({ message, id, pattern: 'work', raw: '' }, death);
    });
    await redis.rpush(key, ...texts);
  }
}

/** Commands that held Redis up for 10 ms and longer from here on. */
async function slowLog(url: string): Promise<() => Promise<string[]>> {
  const redis = connectTo(url);
  await redis.config('SET', 'slowlog-log-slower-than', '10000');
  await redis.slowlog('RESET');
  return async () =>
    ((await redis.slowlog('GET', 10)) as unknown[][]).map((entry) => String(entry[3]).slice(0, 80));
}

/** What the handlers of the tests do meanwhile. */
const mood = { fails: true, ran: 0 };

@Controller()
class WorkController {
  @QueuePattern('work', { attempts: 1 })
  work(@Payload() { user }: { user: number }): string {
    if (mood.fails) throw new Error(`no user ${user} in "db-${user}"`);
    mood.ran++;
    return 'done';
  }

  @QueuePattern('slow', { concurrency: 2 })
  async slow(@Ctx() job: HydraJobContext): Promise<void> {
    await job.progress(42);
    await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
  }

  @StreamPattern('orders', { attempts: 1 })
  order(): void {
    if (mood.fails) throw new Error('no stock');
    mood.ran++;
  }
}

whereFound('the dashboard in a browser', () => {
  const service = uniqueService('shop');
  let url: string;
  let started: TestService;
  let board: TestDashboard;
  let opened: TestPage;
  let page: Page;
  let queues: QueueService;

  beforeAll(async () => {
    await withPage();
    ({ url } = await startPrivateRedis());
    started = await startService({ service, redis: url, version: '1.0.0' }, [WorkController]);
    queues = started.app.get(QueueService);
    board = await startDashboard(url, { who: () => 'Ada' });
    opened = await openPage(board.url);
    ({ page } = opened);
  });

  afterEach(() => expect(opened.complaints.splice(0)).toEqual([]));

  const show = (path: string) => page.goto(`${board.url}#/${path}`);
  const press = (name: string | RegExp) => page.getByRole('button', { name }).first().click();
  const confirm = (name: string | RegExp) => page.getByRole('dialog').getByRole('button', { name }).click();
  const sees = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const dead = async () => (await queues.counts()).dead;
  const letters = async (count: number) => {
    mood.fails = true;
    await queues.addBulk(Array.from({ length: count }, (_, user) => ({ pattern: 'work', data: { user } })));
    await eventually(async () => (await dead()) >= count, { what: 'dead letters', timeoutMs: 30_000 });
  };

  it('says what is wrong, and leads to where one acts', async () => {
    await letters(3);
    await show('overview');
    await sees(/3 dead letters/);
    await page.getByRole('link', { name: 'go to queues' }).first().click();
    await page.getByRole('link', { name: service, exact: true }).click();
    await page.getByRole('heading', { name: `${service} / default` }).waitFor();
  });

  it('groups failures, and redrives a group after a look at how many', async () => {
    mood.fails = false;
    await show(`queues/${service}/default?view=failures`);
    await sees(/3 × .*no user <n> in/);
    await press('Redrive…');
    await confirm('Redrive 3');
    await eventually(async () => (await dead()) === 0, { what: 'no dead letter', timeoutMs: 20_000 });
    await sees(/redrive dead letters of .*, by Ada/);
    expect(board.audit.at(-1)).toMatch(/^Ada: redrive dead letters .*: done, 3 of them$/);
  });

  it('tells the whole story of a job, and removes it', async () => {
    await letters(1);
    const [letter] = await queues.deadLetters();
    await show(`queues/${service}/default?view=dead`);
    await page.getByRole('link', { name: letter!.id.slice(0, 8) }).click();
    await sees('Failed attempts');
    await sees(/no user 0 in "db-0"/);
    await press(/^Remove/);
    await confirm('Remove');
    await eventually(async () => (await dead()) === 0, { what: 'it is gone' });
  });

  it('pauses a queue, removes what waits, and resumes it', async () => {
    await show(`queues/${service}/default`);
    await press('Pause');
    await confirm('Pause');
    await eventually(async () => (await queues.counts()).isPaused, { what: 'the pause' });
    const { id } = await queues.add('work', { user: 7 });
    await page.getByRole('button', { name: 'Search, or read again' }).click();
    await press(`Remove ${id}`);
    await confirm('Remove');
    await eventually(async () => (await queues.counts()).waiting === 0, { what: 'nothing waits' });
    await press('Resume');
    await eventually(async () => !(await queues.counts()).isPaused, { what: 'the end of the pause' });
  });

  it('starts a delayed job now, and cancels one that runs', async () => {
    mood.fails = false;
    const before = mood.ran;
    const { id } = await queues.add('work', { user: 1 }, { delayMs: 3_600_000 });
    await show(`queues/${service}/default?view=delayed`);
    await press(`Start now ${id}`);
    await eventually(() => mood.ran > before, { what: 'the job' });
    const slow = await queues.add('slow', {});
    await eventually(async () => (await queues.get(slow.id))?.progress === 42, { what: 'its progress' });
    await show(`queues/${service}/default/${slow.id}`);
    await press(`Cancel ${slow.id}`);
    await confirm('Cancel');
    await eventually(async () => (await queues.get(slow.id))?.state === 'cancelled', { what: 'its end' });
  });

  it('cancels all jobs of a pattern, and ends a repeating one', async () => {
    await queues.addBulk(
      Array.from({ length: 5 }, () => ({ pattern: 'slow', data: {}, delayMs: 3_600_000 })),
    );
    await queues.repeat('nightly', '0 0 1 1 *', 'work', {});
    await show(`queues/${service}/default?view=delayed&pattern=slow`);
    await press('Cancel…');
    await confirm('Cancel 5');
    await eventually(async () => (await queues.counts()).delayed === 0, { what: 'no delayed job' });
    await show(`queues/${service}/default?view=schedules`);
    await press('End nightly');
    await confirm('End');
    await eventually(async () => (await queues.schedules()).length === 0, { what: 'its end' });
  });

  it('shows a stream, redrives what a group gave up, and replays', async () => {
    const streams = started.app.get(StreamService);
    mood.fails = true;
    await streams.publish('orders', { n: 1 });
    const lost = async () => (await streams.info('orders')).groups[0]?.deadLetters;
    await eventually(async () => (await lost()) === 1, { what: 'a dead letter' });
    mood.fails = false;
    await show('streams/orders');
    await sees('no stock');
    await press(/^Redrive \d/);
    await eventually(async () => (await lost()) === 0, { what: 'it is handled' });
    await eventually(() => mood.ran > 0, { what: 'a run' });
    const ran = mood.ran;
    await page.getByLabel('from').fill('beginning');
    await press(/^Replay/);
    await sees(/handled again, with all that this does/);
    await confirm('Replay');
    await eventually(() => mood.ran > ran, { what: 'it is handled again' });
  });

  it('writes a configuration where nobody else has, keeps its secrets, and puts it back', async () => {
    const store = started.app.get(ConfigStore);
    await store.put('1.0.0', { limit: 1, db: { password: 'hunter2' } }, { by: 'Bob', why: 'first' });
    await show(`configuration/${service}?version=1.0.0`);
    const text = page.getByLabel('The document, as JSON');
    await text.waitFor();
    expect(await text.inputValue()).not.toContain('hunter2');
    await text.fill((await text.inputValue()).replace('"limit": 1', '"limit": 12345678901234567890'));
    await press('Write');
    await sees(/more digits than a number in JavaScript keeps/);
    opened = { ...opened, complaints: [] };
    await text.fill((await text.inputValue()).replace('12345678901234567890', '2'));
    await store.put('1.0.0', { limit: 3, db: { password: 'hunter2' } }, { by: 'Bob' });
    await press('Write');
    await sees(/is at revision 2, expected 1/);
    await press('Read again');
    await eventually(async () => (await text.inputValue()).includes('"limit": 3'), {
      what: 'what Bob wrote',
    });
    await text.fill((await text.inputValue()).replace('"limit": 3', '"limit": 4'));
    await page.getByLabel('Why').fill('a test');
    await press('Write');
    await eventually(async () => (await store.get<{ limit: number }>('1.0.0'))?.limit === 4, {
      what: 'a write',
    });
    expect(await store.get('1.0.0')).toEqual({ limit: 4, db: { password: 'hunter2' } });
    expect((await store.history())[0]).toMatchObject({ by: 'Ada', why: 'a test' });
    await page.getByRole('link', { name: 'Differences to now' }).last().click();
    await sees('From @1 to 1.0.0');
    await press('Put back revision 1');
    await confirm('Put back');
    await eventually(async () => (await store.get<{ limit: number }>('1.0.0'))?.limit === 1, {
      what: 'the first',
    });
  });

  it('sees an instance that is killed', async () => {
    const name = uniqueService('killed');
    const [worker] = await startWorkers(name, url, 1);
    await show(`services/${name}`);
    await page.getByRole('cell', { name: worker!.id.slice(0, 8) }).waitFor();
    await worker!.kill('SIGKILL');
    await sees('No instance of it is alive.');
  });

  it('comes back by itself, and asks for nothing while it is hidden', async () => {
    await show('services');
    await page.getByRole('link', { name: service, exact: true }).waitFor();
    const hide = (isHidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
        document.dispatchEvent(new Event('visibilitychange'))`,
      );
    await hide(true);
    await eventually(() => board.dashboard.collector.size === 0, { what: 'nobody who looks' });
    await hide(false);
    await eventually(() => board.dashboard.collector.size > 0, { what: 'somebody who looks' });
    const { port } = new URL(board.url);
    await board.close();
    await sees(/The connection to the server is lost/);
    board = await startDashboard(url, { who: () => 'Ada' }, Number(port));
    await page.getByText('live').waitFor();
    opened = { ...opened, complaints: [] };
  });

  (isFull ? it : it.skip)(
    'redrives a hundred thousand dead letters, shows how far it is, and holds up Redis for no 10 ms',
    async () => {
      const admin = started.app.get(QueueService);
      await admin.pause();
      await fillDeadLetters(url, service, MANY);
      const slow = await slowLog(url);
      await show(`queues/${service}/default?view=dead`);
      await press('Redrive…');
      await confirm(`Redrive ${MANY.toLocaleString('en')}`);
      await page.locator('.task progress').first().waitFor();
      await page.locator('.task[data-state=done]').first().waitFor({ timeout: 300_000 });
      expect(await admin.counts()).toMatchObject({ dead: 0, waiting: MANY });
      expect(await slow()).toEqual([]);
      await admin.drain();
      await admin.resume();
    },
    400_000,
  );
});
