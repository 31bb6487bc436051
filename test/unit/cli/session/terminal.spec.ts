import { tableLines } from '../../../../lib/cli/session/terminal.js';

describe('a table', () => {
  const rows = [
    ['shop', '1fd0aa00', 'the reason is long, and there is more of it than fits into one line of a terminal'],
    ['billing', '0b5e7c1a', 'short'],
  ];
  const headings = ['SERVICE', 'INSTANCE', 'REASON'];

  it('has columns as wide as their widest cell', () => {
    const lines = tableLines(
      ['A', 'B'],
      [
        ['one', 1],
        [undefined, 22],
      ],
      Infinity,
    );
    expect(lines).toEqual(['A    B', 'one  1', '     22']);
  });

  it('is cut where the terminal ends, in its widest column', () => {
    const lines = tableLines(headings, rows, 60);
    expect(lines.map((line) => line.length)).toEqual([25, 60, 24]);
    expect(lines[1]).toMatch(/^shop {5}1fd0aa00 {2}the reason is long, .*…$/);
  });

  it('keeps something of each column however narrow the terminal is', () => {
    const [, first] = tableLines(headings, rows, 10);
    expect(first).toBe('shop     1fd0aa00  the rea…');
  });

  it('has no cell that could steer a terminal', () => {
    expect(tableLines(['A'], [['\u001B[2J\n']], Infinity)[1]).toBe('?[2J?');
  });
});
