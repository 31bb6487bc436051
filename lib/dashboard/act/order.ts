import { isJsonObject, type JsonObject } from '../../protocol/json.js';
import type { QueueRef } from '../../queue/producer/queue-service.js';
import { Refusal } from '../http/refusal.js';

/** What the page says with each order; `total` is for the progress alone. */
const ALWAYS_KNOWN = ['action', 'dryRun', 'total'];

/** What the page asks to be done, or to be told. Everything in it was written by somebody else. */
export class Order {
  /** The names that were looked at. */
  private readonly known = new Set(ALWAYS_KNOWN);

  constructor(private readonly given: JsonObject) {}

  /** @throws Refusal where it is not there */
  text(name: string): string {
    const value = this.maybe(name);
    if (value !== undefined) return value;
    throw new Refusal(400, `${name} is missing`);
  }

  /** Undefined where it is not there, or empty. @throws Refusal for anything but a text */
  maybe(name: string): string | undefined {
    const value = this.value(name) ?? '';
    if (typeof value === 'string') return value === '' ? undefined : value;
    throw new Refusal(400, `${name} must be a text`);
  }

  /** The one that is meant; undefined where nothing is said of one. @throws Refusal for an empty one, which would mean all */
  id(): string | undefined {
    return this.value('id') === undefined ? undefined : this.text('id');
  }

  /** @throws Refusal for anything but a whole number from 0 on */
  count(name: string, fallback: number, max: number): number {
    const given = this.value(name) ?? fallback;
    const value = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
    if (Number.isSafeInteger(value) && (value as number) >= 0) return Math.min(value as number, max);
    throw new Refusal(400, `${name} must be a whole number`);
  }

  /** @throws Refusal for anything but true and false */
  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value === 'boolean') return value;
    throw new Refusal(400, `${name} must be true or false`);
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

  /** What is inside under a name, or else this order itself. @throws Refusal for anything but an object */
  inside(name: string): Order {
    const value = this.value(name);
    if (value === undefined) return this;
    if (isJsonObject(value)) return new Order(value);
    throw new Refusal(400, `${name} must be an object`);
  }

  /** The queue that is meant. */
  queue(): Required<QueueRef> {
    return { service: this.text('service'), queue: this.maybe('queue') ?? 'default' };
  }

  /** @throws Refusal where something was said that nobody has looked at: it would be done as if it had not been said */
  refuseUnknown(): void {
    const unknown = Object.keys(this.given).find((name) => !this.known.has(name));
    if (unknown !== undefined) throw new Refusal(400, `${JSON.stringify(unknown)} means nothing here`);
  }

  private value(name: string): unknown {
    this.known.add(name);
    return Object.hasOwn(this.given, name) ? this.given[name] : undefined;
  }
}
