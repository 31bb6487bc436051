/** What a program shows of itself while it runs: a table redrawn in place, or plain lines where no terminal is. */

const PLAIN_EVERY_MS = 1_000;
const REDRAW_EVERY_MS = 100;

/** 1234567 → `1,234,567` */
export const formatCount = (count) => Math.round(count).toLocaleString('en-US');

/** 0.42 → `0.42 ms`, 12.3 → `12.3 ms`, 1500 → `1.50 s`; a dash where nothing was measured. */
export function formatMs(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
}

/** 0.333 → `33.3 %` */
export const formatShare = (share) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '–');

/**
 * Rows of cells as aligned lines: the first column to the left, the others to the right.
 *
 * @param {string[][]} rows the first is the heading
 */
export function tableLines(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const align = (cell = '', column) =>
    column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]);
  const lines = rows.map((row) => row.map(align).join('   ').trimEnd());
  return [lines[0], '─'.repeat(lines[0].length), ...lines.slice(1)];
}

/**
 * Shows what `draw` returns until `stop()`: in place on a terminal; elsewhere what `summarise` returns, one line a
 * second, so that a log file stays readable.
 *
 * @param {{ draw: () => string[], summarise: () => string, out?: NodeJS.WriteStream }} options
 */
export function startLiveView({ draw, summarise, out = process.stdout }) {
  let drawnLines = 0;
  const redraw = () => {
    // Longer lines would wrap, and a wrapped line spoils the count of lines to go up by.
    const lines = draw().map((line) => line.slice(0, (out.columns || 80) - 1));
    const up = drawnLines > 0 ? `\x1b[${drawnLines}A` : '';
    out.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
    drawnLines = lines.length;
  };
  const show = out.isTTY ? redraw : () => out.write(`${summarise()}\n`);
  const timer = setInterval(show, out.isTTY ? REDRAW_EVERY_MS : PLAIN_EVERY_MS);
  if (out.isTTY) redraw();

  return {
    /** A line that stays, above the table. */
    note(text) {
      if (drawnLines > 0) out.write(`\x1b[${drawnLines}A\x1b[0J`);
      drawnLines = 0;
      out.write(`${text}\n`);
      if (out.isTTY) redraw();
    },
    /** Leaves the last state on the screen. */
    stop() {
      clearInterval(timer);
      if (out.isTTY) redraw();
      else out.write(`${draw().join('\n')}\n`);
    },
  };
}
