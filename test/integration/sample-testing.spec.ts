import { startChild } from '../support/child.js';

// Their tests are tests of this file.
await import('../../sample/07-testing/by-hand.spec.js');
await import('../../sample/07-testing/orders.spec.js');

describe('HydraTest', () => {
  it("runs in Node's own test runner, and leaves nothing open that would keep it from ending", async () => {
    const child = startChild('sample/07-testing/node-test.ts');
    // It speaks as test runners do.
    child.ready.catch(() => undefined);
    expect({ end: await child.exited, output: child.output() }).toMatchObject({
      end: { code: 0, signal: null },
      output: expect.stringContaining('# pass 1') as string,
    });
  });
});
