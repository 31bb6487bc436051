import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

import { atEnd } from './at-end.js';

/** `CHROMIUM`, else the one on the PATH. @throws Error where there is none */
function chromiumPath(): string {
  const named = process.env['CHROMIUM'];
  if (named) return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const places = folders.flatMap((folder) =>
    ['chromium', 'chromium-browser'].map((name) => join(folder, name)),
  );
  const found = places.find((place) => existsSync(place));
  if (found) return found;
  throw new Error('no Chromium: `npm run test:browser` installs one, or name one in CHROMIUM');
}

/** Less than what a test may take, so that it says what it has waited for. */
const PATIENCE_MS = 45_000;

let started: Promise<Browser> | undefined;

function browser(): Promise<Browser> {
  started ??= chromium
    .launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-gpu'] })
    .then((launched) => {
      atEnd(() => launched.close());
      return launched;
    });
  return started;
}

export interface TestPage {
  readonly page: Page;
  /** What the page complained of, and what it was not allowed to do. */
  readonly complaints: string[];
}

/** A page of a browser of its own; what goes wrong in it is kept. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<TestPage> {
  const context = await (await browser()).newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (line) => {
    if (line.type() === 'error') complaints.push(line.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  return { page, complaints };
}
