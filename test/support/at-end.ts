declare global {
  // Set by environment.mjs; absent where a helper is used outside jest.
  var atEndOfTestFile: ((cleanup: () => unknown) => void) | undefined;
}

/** Runs `cleanup` once the test file is done, after all its hooks. Callable anywhere, also inside a test. */
export function atEnd(cleanup: () => unknown): void {
  globalThis.atEndOfTestFile?.(cleanup);
}
