import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

import { atEnd } from './at-end.js';

/** `CHROMIUM`, else the one on the PATH. */
export function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM'];
  if (named) return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const places = folders.flatMap((folder) =>
    ['chromium', 'chromium-browser'].map((name) => join(folder, name)),
  );
  return places.find((place) => existsSync(place));
}

let started: Promise<Browser> | undefined;

function browser(): Promise<Browser> {
  started ??= chromium
    .launch({ executablePath: chromiumPath()!, args: ['--no-sandbox', '--disable-gpu'] })
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
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  return { page, complaints };
}
