import { oursWith } from './ours.js';

/** Every reading has a line of its own: what lining up costs, and nothing of what waiting costs. */
export const peer = oursWith('ordered', 'id');
