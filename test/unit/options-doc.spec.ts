import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

import { HYDRA_NAMES } from '../../lib/hydra-options.js';
import { optionsPage } from '../support/options-page.js';

const PAGE = new URL('../../docs/options.md', import.meta.url);

/** `service`, `presence.ttlMs`, …: every name that is not refused. */
function namesOf(names: object, path = ''): string[] {
  return Object.entries(names).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? namesOf(value as object, `${path}${name}.`)
      : [`${path}${name}`],
  );
}

describe('docs/options.md', () => {
  it('is what the types of the options say', async () => {
    const settings = await resolveConfig(PAGE.pathname);
    const made = await format(optionsPage(), { ...settings, parser: 'markdown' });
    if (process.env['HYDRA_UPDATE_PAGES']) writeFileSync(PAGE, made);
    expect(readFileSync(PAGE, 'utf8')).toBe(made);
  });

  it('has every name that forRoot takes', () => {
    const page = readFileSync(PAGE, 'utf8');
    // Members of a type that is written out are in the row of its option.
    const isThere = (name: string) => page.includes(`| \`${name}\` `);
    const missing = namesOf(HYDRA_NAMES).filter(
      (name) => !isThere(name) && !isThere(name.slice(0, name.lastIndexOf('.'))),
    );
    expect(missing).toEqual([]);
  });
});
