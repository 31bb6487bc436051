import { programOf } from '../support/doc-program.js';
import { eventually } from '../support/eventually.js';

describe('docs/getting-started.md', () => {
  it('makes a shop that answers, and goes on answering when one of two instances stops', async () => {
    const { start, ask: askFor } = await programOf('docs/getting-started.md');
    const prices = [start('prices.main.ts'), start('prices.main.ts')];
    start('main.ts');
    const ask = () => askFor('articles/teapot');
    const right = { status: 200, body: '{"article":"teapot","price":6}' };
    await eventually(async () => (await ask()).status === 200, { what: 'the shop', timeoutMs: 60_000 });
    expect(await ask()).toEqual(right);
    await prices[0]!.kill('SIGTERM');
    expect(await ask()).toEqual(right);
    await prices[1]!.kill('SIGTERM');
    expect(await ask()).toMatchObject({ status: 503 });
  }, 120_000);
});
