import { readFileSync } from 'node:fs';

import { HYDRA_ERROR_CODES, HydraError } from '../../lib/hydra-error.js';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The rows of the first table: `code, when, retryable, may have run, what to do`. */
const rows = page
  .split('## How each code arises')[0]!
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

describe('docs/errors.md', () => {
  it('explains every code, and no other', () => {
    const explained = rows.map(([code]) => code);
    expect(new Set(explained)).toEqual(new Set(HYDRA_ERROR_CODES.map((code) => `\`${code}\``)));
    expect(explained).toHaveLength(HYDRA_ERROR_CODES.length);
  });

  it.each(HYDRA_ERROR_CODES)('says of %s what the code says', (code) => {
    const [, when, retryable, mayHaveRun, advice] = rows.find(([name]) => name === `\`${code}\``) ?? [];
    const error = new HydraError(code, 'x');
    expect({ retryable, mayHaveRun }).toEqual({
      retryable: error.retryable ? 'yes' : 'no',
      mayHaveRun: error.mayHaveRun ? 'yes' : 'no',
    });
    expect(when).not.toBe('');
    expect(advice).not.toBe('');
  });
});
