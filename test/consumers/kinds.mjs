/**
 * The kinds of projects that the package is tried in. Each is a copy of a project that `nest new` has made, changed as its
 * owner would change it.
 *
 * - `major` of Nest, and so of its command line, which makes the project
 * - `install`: further packages
 * - `set`: changes to a file of settings
 * - `commonJs`: imports of own files go without `.js`, as such projects have it
 * - `nodeTest`: whether Node's own test runner tests what was built
 * - `programs`: what is added to it and run, of `programs.mjs`
 * - `before`, `build`, `tests`: commands; `main`: what the build has to make, and a process is started of
 */
import { TELEMETRY } from './programs.mjs';

const TESTS = [
  ['npm', 'test'],
  ['npm', 'run', 'test:e2e'],
];

const compilerOptions = (options) => ({ 'tsconfig.json': { compilerOptions: options } });

const NEST_11 = {
  major: 11,
  commonJs: true,
  build: ['npm', 'run', 'build'],
  main: 'dist/main.js',
  nodeTest: true,
  tests: TESTS,
};
const NEST_12 = { ...NEST_11, major: 12, commonJs: false };

const JEST = {
  rootDir: '.',
  testRegex: '(math\\.spec|services\\.spec|sum\\.e2e-spec)\\.ts$',
  moduleFileExtensions: ['js', 'json', 'ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true }] },
  testEnvironment: 'node',
};

export const KINDS = {
  'nest-11': NEST_11,
  'nest-12': NEST_12,
  'nest-11-node16': {
    ...NEST_11,
    set: compilerOptions({ module: 'node16', moduleResolution: 'node16' }),
  },
  'nest-11-node10': {
    ...NEST_11,
    set: compilerOptions({
      module: 'commonjs',
      moduleResolution: 'node10',
      resolvePackageJsonExports: undefined,
    }),
  },
  'nest-11-swc': {
    ...NEST_11,
    install: ['@swc/cli', '@swc/core'],
    build: ['npx', 'nest', 'build', '-b', 'swc'],
    // An ES module cannot import by name what swc exports to CommonJS, where there is more than one export.
    nodeTest: false,
    tests: [],
  },
  'nest-11-webpack': {
    ...NEST_11,
    build: ['npx', 'nest', 'build', '--webpack'],
    // It makes one file of all modules.
    nodeTest: false,
    tests: [],
  },
  'nest-11-monorepo': {
    ...NEST_11,
    before: ['npx', 'nest', 'generate', 'app', 'second'],
    root: 'apps/project',
    main: 'dist/apps/project/main.js',
    // Likewise.
    nodeTest: false,
  },
  'nest-12-swc': {
    ...NEST_12,
    install: ['@swc/cli', '@swc/core'],
    build: ['npx', 'nest', 'build', '-b', 'swc'],
    tests: [],
  },
  'nest-12-commonjs': { ...NEST_12, set: { 'package.json': { type: 'commonjs' } }, tests: [] },
  'nest-12-jest': {
    ...NEST_12,
    install: ['jest', 'ts-jest', '@types/jest'],
    set: { ...compilerOptions({ types: ['jest', 'node'] }), 'package.json': { jest: JEST } },
    tests: [['node', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js']],
  },
  'nest-11-telemetry': { ...NEST_11, nodeTest: false, programs: TELEMETRY, tests: [] },
  'nest-12-telemetry': { ...NEST_12, nodeTest: false, programs: TELEMETRY, tests: [] },
  'plain-esm': { ...NEST_12, build: ['npx', 'tsc', '-p', 'tsconfig.build.json'], tests: [] },
};

/** One of each major version: what continuous integration tries. */
export const FEW = ['nest-11', 'nest-12'];

/** Where `import` and `require` have to give the same classes. */
export const NODES = ['20.19.0', '22.12.0', '24'];
