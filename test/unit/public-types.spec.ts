import { fileURLToPath } from 'node:url';
import ts from 'typescript';

import { hiddenNames } from '../support/public-types.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Only Nest constructs these, from what the module provides. */
const MANAGED = new Set([
  'ConfigStore',
  'DiscoveryService',
  'HydraHealthIndicator',
  'HydraHttpClient',
  'HydraLogger',
  'Live',
  'LiveConfig',
  'StreamService',
]);

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, (file) => ts.sys.readFile(file));
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}

describe('the public names', () => {
  it('say nothing in names that are not public', () => {
    const hidden = hiddenNames(`${ROOT}lib/index.ts`, compilerOptions());
    const isManaged = (finding: string) => MANAGED.has(finding.split('.constructor:', 1)[0]!);
    expect(hidden.filter((finding) => !isManaged(finding))).toEqual([]);
    // The search itself finds something.
    expect(hidden.length).toBeGreaterThan(0);
  });
});
