import assert from 'node:assert';
import { createRequire } from 'node:module';
import * as namespace from 'nestjs-hydra';

const imported = { ...namespace };
const required = { ...createRequire(import.meta.url)('nestjs-hydra') };
assert.notEqual(Object.keys(imported).length, 0);
assert.deepEqual(Object.keys(required).toSorted(), Object.keys(imported).toSorted());
for (const [name, value] of Object.entries(imported)) assert.equal(required[name], value, name);
