import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

import { declaredHandlers } from './declared-handlers.js';

/** Names the handlers of jobs and entries in an application that connects no HydraServer: nothing would ever reach them. */
export function warnOfUnservedHandlers(modules: ModulesContainer): void {
  const names = declaredHandlers(modules)
    .filter(({ mode }) => mode !== 'call')
    .map(({ name }) => name);
  if (names.length === 0) return;
  const cure = 'connectMicroservice({ strategy: app.get(HydraServer) }) before the application starts';
  new Logger('Hydra').warn(
    `no HydraServer is connected, so that nothing reaches ${names.join(', ')}: ${cure}`,
  );
}
