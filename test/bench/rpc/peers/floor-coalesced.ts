import { coalesced, floor } from './floor.js';

export const peer = floor(coalesced, 'coalesced');
