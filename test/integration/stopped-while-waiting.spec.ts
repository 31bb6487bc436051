import { startChild } from '../support/child.js';

describe('an application that is told to stop while it waits for Redis', () => {
  it.each([
    ['a microservice', []],
    ['a hybrid application', ['--hybrid']],
  ])('ends cleanly: %s', async (_, args) => {
    const options = JSON.stringify({ service: 'waits', redis: 'redis://127.0.0.1:1' });
    const child = startChild('test/support/waiting.process.ts', {
      args,
      env: { HYDRA_TEST_OPTIONS: options },
    });
    await child.ready;
    expect(child.lines).not.toContainEqual({ listening: true });
    void child.kill('SIGTERM');
    const { code, signal } = await child.exited;
    // Nest ends a process with the signal that it was told to stop by.
    expect([code === 0 || signal === 'SIGTERM', child.output()]).toEqual([
      true,
      expect.not.stringMatching(/CLOSED|Error:|uncaught/i),
    ]);
  });
});
