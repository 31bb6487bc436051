import { programOf } from '../support/doc-program.js';

describe('docs/queues.md', () => {
  it('makes a service that adds a job and waits for the result of another', async () => {
    const { start, ask } = await programOf('docs/queues.md');
    start('main.ts');
    expect(await ask('invoices/7')).toEqual({ status: 200, body: 'invoice-7.pdf' });
    const added = await ask('invoices/8', 'POST');
    expect({ status: added.status, body: JSON.parse(added.body) as unknown }).toEqual({
      status: 201,
      body: { id: expect.stringMatching(/^[\da-f-]{36}$/) },
    });
  }, 120_000);
});
