import type { Order } from '../act/order.js';
import type { Place } from '../facts/place.js';

/** Makes something to be read once of what the page asks, without reading it. */
export type Question = (place: Place, order: Order) => () => Promise<unknown>;
