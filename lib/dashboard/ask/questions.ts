import { Order } from '../act/order.js';
import type { Place } from '../facts/place.js';
import { Refusal } from '../http/refusal.js';
import type { Question } from './question.js';
import { CONFIG_QUESTIONS } from './config-questions.js';
import { STREAM_QUESTIONS } from './stream-questions.js';
import { QUEUE_QUESTIONS } from './queue-questions.js';

const QUESTIONS: Readonly<Record<string, Question>> = {
  ...QUEUE_QUESTIONS,
  ...STREAM_QUESTIONS,
  ...CONFIG_QUESTIONS,
};

/** Answers what the page asks once, and does not watch. */
export class Questions {
  static readonly names: readonly string[] = Object.keys(QUESTIONS);

  constructor(private readonly place: Place) {}

  /** @throws Refusal for what cannot be asked, and for words that mean nothing there; what the services throw */
  async answer(words: Readonly<Record<string, string>>): Promise<unknown> {
    const order = new Order({ ...words });
    const what = order.text('what');
    const question = Object.hasOwn(QUESTIONS, what) ? QUESTIONS[what] : undefined;
    if (!question) throw new Refusal(400, `nobody can be asked for ${JSON.stringify(what)}`);
    const read = question(this.place, order);
    order.refuseUnknown();
    return read();
  }
}
