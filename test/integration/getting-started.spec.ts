import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../tools/free-port.mjs';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { blocksOf } from '../support/doc-blocks.js';
import { eventually } from '../support/eventually.js';

import { startPrivateRedis } from '../support/redis.js';

const PAGE = 'docs/getting-started.md';

/** The files of the page, as its reader would have them. */
function writeFiles(): string {
  const folder = mkdtempSync(fileURLToPath(new URL('../started-', import.meta.url)));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  for (const { text } of blocksOf(PAGE, readFileSync(PAGE, 'utf8'))) {
    const [, name = ''] = /^\/\/ src\/(\S+)\n/.exec(text) ?? [];
    writeFileSync(`${folder}/${name}`, text);
  }
  return folder;
}

describe('docs/getting-started.md', () => {
  it('makes a shop that answers, and goes on answering when one of two instances stops', async () => {
    const { url } = await startPrivateRedis();
    const folder = writeFiles();
    const env = { HYDRA_REDIS_URL: url, PORT: String(await freePort()) };
    const start = (file: string) => {
      const child = startChild(`${folder}/${file}`, { env });
      // Nobody on that page is told when it is ready.
      child.ready.catch(() => undefined);
      return child;
    };
    const prices = [start('prices.main.ts'), start('prices.main.ts')];
    start('main.ts');
    const ask = async () => {
      const answer = await fetch(`http://127.0.0.1:${env.PORT}/articles/teapot`);
      return { status: answer.status, body: await answer.text() };
    };
    const right = { status: 200, body: '{"article":"teapot","price":6}' };
    await eventually(async () => (await ask().catch(() => undefined))?.status === 200, {
      what: 'the shop',
      timeoutMs: 60_000,
    });
    expect(await ask()).toEqual(right);
    await prices[0]!.kill('SIGTERM');
    expect(await ask()).toEqual(right);
    await prices[1]!.kill('SIGTERM');
    expect(await ask()).toMatchObject({ status: 503 });
  }, 120_000);
});
