import { createRequire } from 'node:module';

/** The driver that the library and Nest use; an import from here would find the older one of the peers. */
const require = createRequire(new URL('../../../package.json', import.meta.url));

export const { Redis } = require('ioredis') as typeof import('ioredis');
