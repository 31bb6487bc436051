import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

import { PLANTED_FAULTS } from '../../simulation/planted/planted-faults.js';

const FOLDER = 'test/simulation/planted';
const patches = readdirSync(FOLDER).filter((name) => name.endsWith('.patch'));

describe('the patches that plant faults', () => {
  it.each(patches)('%s fits the library as it is', (patch) => {
    expect(() => execFileSync('git', ['apply', '--check', '-C1', `${FOLDER}/${patch}`])).not.toThrow();
  });

  it('are there for each fault that is listed', () => {
    expect(patches.toSorted()).toEqual(PLANTED_FAULTS.map(({ name }) => `${name}.patch`).toSorted());
    expect(patches).toHaveLength(13);
  });
});
