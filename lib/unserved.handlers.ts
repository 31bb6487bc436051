import { Logger, type Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { PATTERN_EXTRAS_METADATA } from '@nestjs/microservices/constants.js';

import type { DeliveryExtras } from './delivery/source.js';

/** Names the handlers of jobs and entries in an application that connects no HydraServer: nothing would ever reach them. */
export function warnOfUnservedHandlers(modules: ModulesContainer): void {
  const names = [...modules.values()].flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => handlersOf(metatype as Type | undefined)),
  );
  if (names.length === 0) return;
  const cure = 'connectMicroservice({ strategy: app.get(HydraServer) }) before the application starts';
  new Logger('Hydra').warn(
    `no HydraServer is connected, so that nothing reaches ${names.join(', ')}: ${cure}`,
  );
}

function handlersOf(controller: Type | undefined): string[] {
  if (typeof controller !== 'function') return [];
  const prototype = controller.prototype as Record<string, object>;
  return new MetadataScanner()
    .getAllMethodNames(prototype)
    .filter((name) => isJobOrEntryHandler(prototype[name]!))
    .map((name) => `${controller.name}.${name}`);
}

function isJobOrEntryHandler(handler: object): boolean {
  const extras = Reflect.getMetadata(PATTERN_EXTRAS_METADATA, handler) as DeliveryExtras | undefined;
  return extras?.hydra !== undefined && extras.hydra.mode !== 'call';
}
