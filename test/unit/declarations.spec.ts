import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

import { atEnd } from '../support/at-end.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function buildOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.build.json`, (file) => ts.sys.readFile(file));
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}

describe('the declarations of the package', () => {
  it('compile where libraries are checked too (skipLibCheck: false)', () => {
    const place = mkdtempSync(join(tmpdir(), 'hydra-declarations-'));
    atEnd(() => rmSync(place, { recursive: true, force: true }));
    symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
    const entries = ['index', 'testing/testing', 'telemetry/telemetry'];
    const options = { ...buildOptions(), outDir: place, emitDeclarationOnly: true, incremental: false };
    ts.createProgram(
      entries.map((entry) => `${ROOT}lib/${entry}.ts`),
      options,
    ).emit();
    const program = ts.createProgram(
      entries.map((entry) => join(place, `${entry}.d.ts`)),
      { ...options, noEmit: true, emitDeclarationOnly: false, rootDir: place, skipLibCheck: false },
    );
    const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(place));
    expect(ours.length).toBeGreaterThan(50);
    const faults = ours.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]);
    expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });
});
