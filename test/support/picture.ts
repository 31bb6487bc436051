import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Page } from 'playwright-core';

import { openPage } from './browser.js';

const QUALITY = 0.85;
let converter: Promise<Page> | undefined;

/** Writes what a page shows as WebP, which is a third of a PNG. */
export async function savePicture(page: Page, path: string): Promise<void> {
  const png = (await page.screenshot()).toString('base64');
  converter ??= openPage('about:blank').then((opened) => opened.page);
  const webp = await (
    await converter
  ).evaluate<string>(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${png}';
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    canvas.getContext('2d').drawImage(image, 0, 0);
    return canvas.toDataURL('image/webp', ${QUALITY});
  })()`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.from(webp.slice(webp.indexOf(',') + 1), 'base64'));
}
