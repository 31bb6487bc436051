import { RetryBudget } from '../../../../lib/transport/outgoing/retry-budget.js';

const spendAll = (budget: RetryBudget) => {
  let spent = 0;
  while (budget.spend()) spent++;
  return spent;
};

describe('the retry budget', () => {
  it('begins with ten, and earns one with ten calls', () => {
    const budget = new RetryBudget();
    expect(spendAll(budget)).toBe(10);
    for (let call = 0; call < 101; call++) budget.earn();
    expect(spendAll(budget)).toBe(10);
  });

  it('saves up a hundred at most', () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 10_000; call++) budget.earn();
    expect(spendAll(budget)).toBe(100);
  });
});
