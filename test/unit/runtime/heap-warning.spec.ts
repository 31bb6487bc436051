import { heapWarning } from '../../../lib/runtime/heap-warning.js';

describe('heapWarning', () => {
  it('warns above nine tenths of what the process may use', () => {
    expect(heapWarning({ used_heap_size: 900, heap_size_limit: 1_000 })).toBeUndefined();
    expect(heapWarning({ used_heap_size: 951, heap_size_limit: 1_000 })).toBe('95 % of its heap are used');
  });

  it('looks at this process by itself', () => {
    expect(heapWarning()).toBeUndefined();
  });
});
