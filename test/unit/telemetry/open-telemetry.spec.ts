import { createRequire } from 'node:module';

import { jest } from '@jest/globals';

import { wholeOf, type LoadedApi } from '../../../lib/telemetry/open-telemetry.js';

describe('the API of OpenTelemetry', () => {
  it('is whole, whether it was imported or required', async () => {
    const imported = (await import('@opentelemetry/api')) as LoadedApi;
    const required = createRequire(import.meta.url)('@opentelemetry/api') as LoadedApi;
    for (const loaded of [imported, required, { default: required }])
      expect(Object.keys(wholeOf(loaded))).toEqual(
        expect.arrayContaining(['createNoopMeter', 'TraceFlags', 'trace']),
      );
  });
});

describe('a process without @opentelemetry/api', () => {
  it('is told what to install, in one sentence', async () => {
    jest.unstable_mockModule('@opentelemetry/api', () => {
      throw new Error("Cannot find package '@opentelemetry/api'");
    });
    const { loadOpenTelemetry } = await import('../../../lib/telemetry/open-telemetry.js');
    await expect(loadOpenTelemetry()).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message:
        '[BAD_OPTION] HydraTelemetryModule needs the package @opentelemetry/api; install it: npm install @opentelemetry/api',
    });
  });
});
