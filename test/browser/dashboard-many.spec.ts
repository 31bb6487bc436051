import { createMessage } from '../../lib/protocol/message.js';
import { QueueService } from '../../lib/index.js';
import { writeDeadLetter } from '../../lib/queue/model/dead-letter.js';
import { OpenedDashboard } from '../support/opened-dashboard.js';
import { connectTo } from '../support/registry.js';

const MANY = 100_000;

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

/** Commands that held Redis up for 200 ms and longer from here on: any takes 10 ms where the processors are busy. */
async function slowLog(url: string): Promise<() => Promise<string[]>> {
  const redis = connectTo(url);
  await redis.config('SET', 'slowlog-log-slower-than', '200000');
  await redis.slowlog('RESET');
  return async () =>
    ((await redis.slowlog('GET', 10)) as unknown[][]).map((entry) => String(entry[3]).slice(0, 80));
}

describe('a hundred thousand dead letters', () => {
  it('are redriven with their progress, and hold up Redis in no step', async () => {
    const at = await OpenedDashboard.open([]);
    const queues = at.started.app.get(QueueService);
    await fillDeadLetters(at.redisUrl, at.service, MANY);
    const slow = await slowLog(at.redisUrl);
    await at.show(`queues/${at.service}/default?view=dead`);
    await at.press('Redrive…');
    const counted = at.page.getByRole('button', { name: `Redrive ${MANY.toLocaleString('en')}` });
    await counted.waitFor({ timeout: 120_000 });
    await counted.click();
    await at.page.locator('.task progress').first().waitFor();
    await at.page.locator('.task[data-state=done]').first().waitFor({ timeout: 300_000 });
    expect(await queues.counts()).toMatchObject({ dead: 0, waiting: MANY });
    expect(await slow()).toEqual([]);
    expect(at.complaints()).toEqual([]);
  }, 500_000);
});
