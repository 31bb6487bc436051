import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../tools/free-port.mjs';
import { atEnd } from './at-end.js';
import { startChild, type Child } from './child.js';
import { blocksOf } from './doc-blocks.js';
import { eventually } from './eventually.js';
import { startPrivateRedis } from './redis.js';

/** The program of a page, on a Redis of its own. */
export interface DocProgram {
  start(this: void, file: string): Child;
  /** Asks the one that serves HTTP, once it does. */
  ask(this: void, path: string, method?: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** Writes the files that a page shows, each block whose first line names one in `src`, as its reader would have them. */
export async function programOf(page: string): Promise<DocProgram> {
  const folder = mkdtempSync(fileURLToPath(new URL('../started-', import.meta.url)));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  for (const { text } of blocksOf(page, readFileSync(page, 'utf8'))) {
    const [, name] = /^\/\/ src\/(\S+)\n/.exec(text) ?? [];
    if (name) writeFileSync(`${folder}/${name}`, text);
  }
  const { url } = await startPrivateRedis();
  const env = { HYDRA_REDIS_URL: url, PORT: String(await freePort()) };
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://127.0.0.1:${env.PORT}/${path}`, { method });
    return { status: answer.status, body: await answer.text() };
  };
  return {
    start: (file) => {
      const child = startChild(`${folder}/${file}`, { env });
      // Nobody on such a page is told when it is ready.
      child.ready.catch(() => undefined);
      return child;
    },
    ask: async (path, method) => {
      await eventually(async () => (await ask('').catch(() => undefined)) !== undefined, {
        what: 'a server',
        timeoutMs: 60_000,
      });
      return ask(path, method);
    },
  };
}
