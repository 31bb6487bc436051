import type { Test } from '@nestjs/testing';

import { HydraError } from '../../hydra-error.js';

/**
 * Nest's own test package, which only users of HydraTest need.
 *
 * @throws HydraError `BAD_OPTION` naming the package to install
 */
export async function loadNestTesting(): Promise<typeof Test> {
  // By a name that no compiler looks up: the package need not be there.
  const packageName: string = '@nestjs/testing';
  try {
    return ((await import(packageName)) as { Test: typeof Test }).Test;
  } catch (cause) {
    throw new HydraError(
      'BAD_OPTION',
      'HydraTest needs the package @nestjs/testing; install it: npm install --save-dev @nestjs/testing',
      { cause },
    );
  }
}
