export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  roots: ['<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  // They are for the projects that they are copied into.
  testPathIgnorePatterns: ['/node_modules/', '/test/consumers/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // The specs of the samples.
    '^nestjs-hydra$': '<rootDir>/lib/index.ts',
    '^nestjs-hydra/testing$': '<rootDir>/lib/testing/testing.ts',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }] },
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageProvider: 'v8',
  testTimeout: 60_000,
  // On two processors: most suites wait for something most of the time.
  maxWorkers: 3,
  workerIdleMemoryLimit: '1GB',
};
