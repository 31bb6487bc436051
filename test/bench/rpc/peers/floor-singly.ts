import { floor, singly } from './floor.js';

export const peer = floor(singly, 'singly');
