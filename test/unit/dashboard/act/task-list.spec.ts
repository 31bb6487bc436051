import { TaskList, type Work } from '../../../../lib/dashboard/act/task-list.js';
import { ManualClock } from '../../../support/manual-clock.js';

const given = { action: 'queue.redrive', what: 'it', who: 'Ada', total: undefined } as const;

describe('TaskList', () => {
  it('lists what runs, however many others have ended since, and stops it', async () => {
    const tasks = new TaskList(new ManualClock());
    let step: () => void = () => undefined;
    const endless: Work = async (progress) => {
      for (let done = 0; ; done++) {
        await new Promise<void>((resolve) => (step = resolve));
        progress(done);
      }
    };
    const end = new Promise<string>((resolve) => {
      tasks.begin(given, endless, ({ state }) => resolve(state));
    });
    const { id } = tasks.all[0]!;
    for (let n = 0; n < 40; n++)
      await new Promise<void>((resolve) =>
        tasks.begin(
          given,
          async () => 1,
          () => resolve(),
        ),
      );
    expect(tasks.find(id)?.state).toBe('running');
    expect(tasks.all.length).toBeLessThanOrEqual(22);
    tasks.close();
    step();
    expect(await end).toBe('stopped');
  });
});
