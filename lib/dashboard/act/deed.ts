import type { Visitor } from '../access/gate.js';
import type { Place } from '../facts/place.js';
import type { Order } from './order.js';
import type { Work } from './task-list.js';

interface Described {
  /** For people, and for the log. */
  readonly what: string;
  /** Says what would be done, and does nothing; without it, there is no dry run. */
  readonly dry?: () => Promise<unknown>;
}

/** What an order comes to: something that is done at once, or a task. */
export type Deed =
  | (Described & { readonly now: () => Promise<unknown> })
  | (Described & {
      /** How many there are to do. */
      readonly total: number | undefined;
      readonly work: Work;
    });

/** Makes a deed of an order, without doing it. */
export type Doing = (place: Place, order: Order, visitor: Visitor) => Deed | Promise<Deed>;
