import type { Visitor } from '../access/gate.js';
import type { Place } from '../facts/place.js';
import type { Order } from './order.js';
import type { Work } from './task-list.js';

/** What an order comes to: something that is done at once, or a task. */
export type Deed =
  | {
      /** For people, and for the log. */
      readonly what: string;
      readonly now: () => Promise<unknown>;
    }
  | {
      readonly what: string;
      /** How many there are to do. */
      readonly total: number | undefined;
      readonly work: Work;
    };

/** Makes a deed of an order, without doing it. With a dry run, it only says what would be done. */
export type Doing = (place: Place, order: Order, visitor: Visitor) => Deed | Promise<Deed>;
