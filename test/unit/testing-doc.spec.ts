import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const SAMPLE = 'sample/07-testing/';
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** Lines without the margin that all of them have, and without empty ones at either end. */
function dedented(text: string): string {
  const lines = text.split('\n');
  const margins = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const margin = Math.min(...margins);
  return lines
    .map((line) => line.slice(margin).trimEnd())
    .join('\n')
    .trim();
}

/** Whether these lines stand one after the other in the file, at whatever margin. */
function holds(file: string, block: string): boolean {
  const lines = file.split('\n');
  const height = block.split('\n').length;
  return lines.some((_, at) => dedented(lines.slice(at, at + height).join('\n')) === block);
}

describe('docs/testing.md', () => {
  const files = readdirSync(new URL(SAMPLE, ROOT))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(`${SAMPLE}${name}`));
  const blocks = [...read('docs/testing.md').matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, block]) =>
    dedented(block!),
  );

  it.each(blocks.map((block) => [block.split('\n')[0]!, block]))(
    'shows code of the sample, which is compiled and run: %s',
    (_, block) => {
      expect(files.filter((file) => holds(file, block)).length > 0 ? 'in the sample' : block).toBe(
        'in the sample',
      );
    },
  );

  it('shows some', () => {
    expect(blocks.length).toBeGreaterThan(8);
  });
});
