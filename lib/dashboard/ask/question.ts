import type { Order } from '../act/order.js';
import type { Place } from '../facts/place.js';

/** Reads something once, for what the page asks. */
export type Question = (place: Place, order: Order) => Promise<unknown>;
