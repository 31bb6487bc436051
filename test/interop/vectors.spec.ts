import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const RECORDER = fileURLToPath(new URL('../../tools/record-vectors.mjs', import.meta.url));
const VECTORS = fileURLToPath(new URL('../vectors/', import.meta.url));

const read = (folder: string, file: string) =>
  JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as unknown;

describe('the golden vectors', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hydra-vectors-'));
  const files = readdirSync(VECTORS).filter((file) => file.endsWith('.json'));

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [RECORDER, folder], { timeout: 60_000 });
  }, 70_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are as many as the installed hydra gives', () => {
    expect(readdirSync(folder).toSorted()).toEqual(files.toSorted());
  });

  it.each(files)('say what the installed hydra says: %s', (file) => {
    expect(read(folder, file)).toEqual(read(VECTORS, file));
  });
});
