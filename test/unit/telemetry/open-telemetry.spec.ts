import { jest } from '@jest/globals';

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
