import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { buildLibrary } from '../support/built.js';

/** An application of its own, beside the built library. */
const PROGRAM = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraTelemetryModule } from './dist/telemetry/telemetry.js';

class App {}
Module({ imports: [HydraTelemetryModule.forRoot()] })(App);
try {
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  await app.close();
  console.log('started');
} catch (error) {
  console.log(error.message);
}
`;

async function run(missing: readonly string[]): Promise<string> {
  const folder = join(await buildLibrary({ missing }), '..');
  const file = join(folder, 'app.mjs');
  await writeFile(file, PROGRAM);
  const { stdout, stderr } = spawnSync(process.execPath, [file], {
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
  return `${stdout}${stderr}`.trim();
}

describe('an application with nestjs-hydra/telemetry', () => {
  it('starts where @opentelemetry/api is installed', async () => {
    expect(await run([])).toBe('started');
  });

  it('is told what to install where it is not, in one sentence', async () => {
    expect(await run(['@opentelemetry'])).toBe(
      '[BAD_OPTION] HydraTelemetryModule needs the package @opentelemetry/api; install it: npm install @opentelemetry/api',
    );
  });
});
