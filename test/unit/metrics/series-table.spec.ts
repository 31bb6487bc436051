import { HydraError } from '../../../lib/hydra-error.js';
import { SeriesTable } from '../../../lib/metrics/series-table.js';
import { errorType, OTHER } from '../../../lib/metrics/work-series.js';

describe('a table of series', () => {
  it('gives the same series for the same labels', () => {
    const table = new SeriesTable(['callee', 'pattern']);
    table.of('math', 'sum').ended(1);
    expect(table.of('math', 'sum').durations.count).toBe(1);
    expect([...table]).toHaveLength(1);
  });

  it('counts what is beyond its bound together, by the first label', () => {
    const table = new SeriesTable(['callee', 'pattern'], 3);
    for (let n = 0; n < 1_000; n++) table.of('math', `user.${n}`).ended(1);
    const all = [...table].map(({ labels, durations }) => [...labels, durations.count]);
    expect(all).toEqual([
      ['math', 'user.0', 1],
      ['math', 'user.1', 1],
      ['math', 'user.2', 1],
      ['math', OTHER, 997],
    ]);
  });

  it('stays bounded when the first label is made anew each time, too', () => {
    const table = new SeriesTable(['caller', 'pattern'], 3);
    for (let n = 0; n < 1_000; n++) table.of(`service-${n}`, `user.${n}`).ended(1);
    const all = [...table];
    expect(all.length).toBeLessThan(10);
    expect(all.reduce((sum, { durations }) => sum + durations.count, 0)).toBe(1_000);
  });

  it('tells errors apart by their codes, up to a bound', () => {
    const series = new SeriesTable(['callee', 'pattern']).of('math', 'sum');
    series.ended(1, new HydraError('TIMEOUT', 'late'));
    series.ended(1, new TypeError('no'));
    for (let n = 0; n < 100; n++) series.failed(`code ${n}`);
    expect(series.errors.get('TIMEOUT')).toBe(1);
    expect(series.errors.get('TypeError')).toBe(1);
    expect(series.errors.size).toBeLessThan(50);
    expect([...series.errors.values()].reduce((sum, count) => sum + count, 0)).toBe(102);
  });

  it.each([
    [new HydraError('OVERLOADED', 'full'), 'OVERLOADED'],
    [new RangeError('no'), 'RangeError'],
    [{ status: 'error', message: 'user 7 is unknown' }, 'Error'],
    ['user 7 is unknown', 'Error'],
  ])('takes no text for a label: %p is %s', (error, type) => {
    expect(errorType(error)).toBe(type);
  });
});
