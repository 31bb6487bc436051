/** One of two builds that are compared: makes its processes work, and says what each run took. */
import { answerCommands } from '../support/commands.js';
import type { Subjects, Work } from './subject.js';

const [bench = '', redisUrl = ''] = process.argv.slice(2);
const { subjects } = (await import(`./${bench}.js`)) as { subjects: Subjects };
let work: Work | undefined;

answerCommands({
  subjects: () => Object.keys(subjects),
  async start({ subject }: { subject: string }) {
    work = await subjects[subject]!(redisUrl);
    return work.steps;
  },
  warmUp: () => work!.warmUp().then(() => undefined),
  run: ({ step }: { step: string }) => work!.run(step),
  stop: () => work!.stop(),
});
