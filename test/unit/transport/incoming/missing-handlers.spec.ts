import { MissingHandlers } from '../../../../lib/transport/incoming/missing-handlers.js';

function missing(...patterns: string[]) {
  const logged: [topic: string, line: string][] = [];
  const log = { warn: (topic: string, line: string | (() => string)) => logged.push([topic, String(line)]) };
  const context = { address: 'a@math:/', log } as never;
  return { handlers: new MissingHandlers(context, () => patterns), logged };
}

describe('the error of a call that no handler has', () => {
  it.each([
    ['one that is near', 'summ', ['sum', 'product'], ': did you mean "sum"?'],
    [
      'the nearest first',
      'create.users',
      ['create.order', 'create.user'],
      ': did you mean "create.user" or "create.order"?',
    ],
    ['those there are', 'echo', ['sum', 'product'], ', which handles "sum", "product"'],
    [
      'some of many',
      'echo',
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => `get-by-${name}`),
      '"get-by-e" and 2 more',
    ],
    ['that there is none', 'echo', [], ', which has no handlers of calls'],
  ])('names %s', (_, asked, patterns, hint) => {
    const { code, message } = missing(...patterns).handlers.error(asked);
    expect(code).toBe('NO_HANDLER');
    expect(message).toContain(`"${asked}" has no handler at a@math:/`);
    expect(message.endsWith(hint)).toBe(true);
  });

  it('is in the log of the instance under its pattern', () => {
    const { handlers, logged } = missing('sum');
    handlers.error('summ');
    expect(logged).toEqual([
      ['no handler: summ', 'a call was refused: "summ" has no handler at a@math:/: did you mean "sum"?'],
    ]);
  });

  it('keeps and tells the beginning of a long pattern only, which comes from outside', () => {
    const { handlers, logged } = missing('sum');
    const { message } = handlers.error('x'.repeat(1_000_000));
    for (const text of [message, ...logged.flat()]) expect(text.length).toBeLessThan(300);
    expect(message).toContain(`"${'x'.repeat(200)}…" has no handler`);
  });

  it('looks for names for a bounded number of patterns of a bounded length', () => {
    const { handlers } = missing('sum');
    expect(handlers.error('x'.repeat(500)).message).not.toContain('handles');
    for (let n = 0; n < 100; n++) handlers.error(`p${n}`);
    expect(handlers.error('one more').message).toMatch(/has no handler at a@math:\/$/);
    expect(handlers.error('p7').message).toContain('handles "sum"');
  });
});
