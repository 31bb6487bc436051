/* oxlint-disable jest/no-standalone-expect -- hooks look as well */
import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { eventually } from '../support/eventually.js';
import { OpenedDashboard } from '../support/opened-dashboard.js';

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
}

describe('queues on the dashboard, in a browser', () => {
  let at: OpenedDashboard;
  let queues: QueueService;

  beforeAll(async () => {
    at = await OpenedDashboard.open([WorkController]);
    queues = at.started.app.get(QueueService);
  });

  /** No test finds what one before it has left. */
  beforeEach(async () => {
    mood.fails = false;
    await queues.resume();
    await queues.drain();
    await queues.clean('dead', { limit: Number.MAX_SAFE_INTEGER });
  });

  afterEach(() => expect(at.complaints()).toEqual([]));

  const dead = async () => (await queues.counts()).dead;
  const letters = async (count: number) => {
    mood.fails = true;
    await queues.addBulk(Array.from({ length: count }, (_, user) => ({ pattern: 'work', data: { user } })));
    await eventually(async () => (await dead()) === count, { what: 'dead letters', timeoutMs: 30_000 });
    mood.fails = false;
  };

  it('says what is wrong, and leads to where one acts', async () => {
    await letters(3);
    await at.show('overview');
    await at.sees(/3 dead letters/);
    await at.page
      .getByRole('link', { name: `queue ${at.service} / default` })
      .first()
      .click();
    await at.page.getByRole('heading', { name: `${at.service} / default` }).waitFor();
    await at.sees(/3 × .*no user <n> in/);
    await at.show('queues');
  });

  it('groups failures, and redrives a group after a look at how many', async () => {
    await letters(3);
    await at.show(`queues/${at.service}/default?view=failures`);
    await at.sees(/3 × .*no user <n> in/);
    await at.press('Redrive…');
    await at.confirm('Redrive 3');
    await eventually(async () => (await dead()) === 0, { what: 'no dead letter', timeoutMs: 20_000 });
    await at.sees(/redrive dead letters of .*, by Ada/);
    expect(at.dashboard.audit.at(-1)).toMatch(/^Ada: redrive dead letters .*: done, 3 of them$/);
  });

  it('tells the whole story of a job, and removes it', async () => {
    await letters(1);
    const [letter] = await queues.deadLetters();
    await at.show(`queues/${at.service}/default?view=dead`);
    await at.page.getByRole('link', { name: letter!.id.slice(0, 8) }).click();
    await at.sees('Failed attempts');
    await at.sees(/no user 0 in "db-0"/);
    await at.press(/^Remove/);
    await at.confirm('Remove');
    await eventually(async () => (await dead()) === 0, { what: 'it is gone' });
  });

  it('leads from a job to the lines of the trace that it was added in', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
    const { id } = await queues.add('work', { user: 1 }, { delayMs: 3_600_000, headers });
    await at.show(`queues/${at.service}/default/${id}`);
    await at.page.getByRole('link', { name: trace }).click();
    await at.page.getByRole('heading', { name: 'Logs' }).waitFor();
    expect(await at.page.getByLabel('Trace').inputValue()).toBe(trace);
    await queues.remove(id);
  });

  it('shows how many jobs complete and die in a second, now and over time', async () => {
    await at.show(`queues/${at.service}/default`);
    await at.sees('Completed in a second');
    const chart = at.page.getByRole('img', { name: /^Jobs that end in a second: / });
    const tells = (what: RegExp) =>
      eventually(async () => what.test((await chart.getAttribute('aria-label')) ?? ''), {
        what: String(what),
        timeoutMs: 30_000,
      });
    await queues.addBulk(Array.from({ length: 50 }, () => ({ pattern: 'work', data: { user: 1 } })));
    await tells(/: completed in a second (?!0,)/);
    await letters(5);
    await tells(/ cancelled in a second (?!0$)/);
  });

  it('tells several ticks of a repeating job', async () => {
    await queues.repeat('yearly', '0 0 1 1 *', 'work', {});
    const year = new Date().getUTCFullYear();
    await at.show(`queues/${at.service}/default?view=schedules`);
    for (const later of [2, 3, 4, 5]) await at.sees(`${year + later}-01-01 00:00:00 UTC`);
    await queues.stopRepeating('yearly');
  });

  it('pauses a queue, removes what waits, and resumes it', async () => {
    await at.show(`queues/${at.service}/default`);
    await at.press('Pause');
    await at.confirm('Pause');
    await eventually(async () => (await queues.counts()).isPaused, { what: 'the pause' });
    const { id } = await queues.add('work', { user: 7 });
    await at.page.getByRole('button', { name: 'Search, or read again' }).click();
    await at.press(`Remove ${id}`);
    await at.confirm('Remove');
    await eventually(async () => (await queues.counts()).waiting === 0, { what: 'nothing waits' });
    await at.press('Resume');
    await eventually(async () => !(await queues.counts()).isPaused, { what: 'the end of the pause' });
  });

  it('starts a delayed job now, and cancels one that runs', async () => {
    const before = mood.ran;
    const { id } = await queues.add('work', { user: 1 }, { delayMs: 3_600_000 });
    await at.show(`queues/${at.service}/default?view=delayed`);
    await at.press(`Start now ${id}`);
    await eventually(() => mood.ran > before, { what: 'the job' });
    const slow = await queues.add('slow', {});
    await eventually(async () => (await queues.get(slow.id))?.progress === 42, { what: 'its progress' });
    await at.show(`queues/${at.service}/default/${slow.id}`);
    await at.press(`Cancel ${slow.id}`);
    await at.confirm('Cancel');
    await eventually(async () => (await queues.get(slow.id))?.state === 'cancelled', { what: 'its end' });
  });

  it('cancels all jobs of a pattern, and ends a repeating one', async () => {
    await queues.addBulk(
      Array.from({ length: 5 }, () => ({ pattern: 'slow', data: {}, delayMs: 3_600_000 })),
    );
    await queues.repeat('nightly', '0 0 1 1 *', 'work', {});
    await at.show(`queues/${at.service}/default?view=delayed&pattern=slow`);
    await at.press('Cancel…');
    await at.confirm('Cancel 5');
    await eventually(async () => (await queues.counts()).delayed === 0, { what: 'no delayed job' });
    await at.show(`queues/${at.service}/default?view=schedules`);
    await at.press('End nightly');
    await at.confirm('End');
    await eventually(async () => (await queues.schedules()).length === 0, { what: 'its end' });
  });

  it('asks once for what is searched for, and again where the same is searched for', async () => {
    await at.show(`queues/${at.service}/default`);
    await at.sees('No job is waiting');
    const asked: string[] = [];
    at.page.on('request', (request) => {
      if (request.url().includes('what=jobs')) asked.push(new URL(request.url()).search);
    });
    await at.page.getByLabel('Pattern').fill('slow');
    await at.press('Search, or read again');
    await at.sees('No job is waiting and passes');
    expect(asked).toHaveLength(1);
    await at.press('Search, or read again');
    await eventually(() => asked.length === 2, { what: 'the same question again' });
  });
});
