import { isJsonObject, type JsonObject } from '../../protocol/json.js';
import type { DeadJobFilter } from '../../queue/producer/job-filter.js';
import type { QueueRef } from '../../queue/producer/queue-service.js';
import { Refusal } from '../http/refusal.js';

/** What the page asks to be done, or to be told. Everything in it was written by somebody else. */
export class Order {
  constructor(private readonly given: JsonObject) {}

  /** @throws Refusal where it is not there */
  text(name: string): string {
    const value = this.given[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new Refusal(400, `${name} is missing`);
  }

  /** Undefined where it is not there. */
  maybe(name: string): string | undefined {
    const value = this.given[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  /** @throws Refusal for anything but a whole number from 0 on */
  count(name: string, fallback: number, max: number): number {
    const value = Number(this.given[name] ?? fallback);
    if (Number.isSafeInteger(value) && value >= 0) return Math.min(value, max);
    throw new Refusal(400, `${name} must be a whole number`);
  }

  flag(name: string): boolean {
    return this.given[name] === true;
  }

  /** @throws Refusal for anything but one of these */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.text(name);
    const choice = choices.find((one) => one === value);
    if (choice !== undefined) return choice;
    throw new Refusal(400, `${name} must be one of ${choices.join(', ')}`);
  }

  /** Undefined where it is not there. @throws Refusal for what is no time */
  date(name: string): Date | undefined {
    const text = this.maybe(name);
    if (text === undefined) return undefined;
    const date = new Date(text);
    if (!Number.isNaN(date.getTime())) return date;
    throw new Refusal(400, `${name} is no time`);
  }

  /** The queue that is meant. */
  queue(): Required<QueueRef> {
    return { service: this.text('service'), queue: this.maybe('queue') ?? 'default' };
  }

  /** Which jobs are meant: without any of these, all. */
  filter(): DeadJobFilter {
    const inside = this.given['filter'];
    const own = isJsonObject(inside) ? new Order(inside) : this;
    const [pattern, text, reason] = [own.maybe('pattern'), own.maybe('text'), own.maybe('reason')];
    const [since, until] = [own.date('since'), own.date('until')];
    return {
      ...(pattern !== undefined && { pattern }),
      ...(text !== undefined && { text }),
      ...(reason !== undefined && { reason }),
      ...(since && { since }),
      ...(until && { until }),
    };
  }
}
