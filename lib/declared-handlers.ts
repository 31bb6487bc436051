import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import {
  PATTERN_EXTRAS_METADATA,
  PATTERN_METADATA,
  TRANSPORT_METADATA,
} from '@nestjs/microservices/constants.js';

import type { DeliveryExtras, DeliveryMode } from './delivery/source.js';

/** A method of a controller that some transport is to run. */
export interface DeclaredHandler {
  /** `OrdersController.created` */
  readonly name: string;
  readonly mode: DeliveryMode;
  /** Undefined for any. */
  readonly transportId: unknown;
}

/** What the decorators of an application's controllers declare, be there a server for it or not. */
export function declaredHandlers(modules: ModulesContainer): DeclaredHandler[] {
  return [...modules.values()].flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => handlersOf(metatype as Type | undefined)),
  );
}

function handlersOf(controller: Type | undefined): DeclaredHandler[] {
  if (typeof controller !== 'function') return [];
  const prototype = controller.prototype as Record<string, object>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const method = prototype[name]!;
    if (!Reflect.hasMetadata(PATTERN_METADATA, method)) return [];
    const extras = Reflect.getMetadata(PATTERN_EXTRAS_METADATA, method) as DeliveryExtras | undefined;
    const transportId: unknown = Reflect.getMetadata(TRANSPORT_METADATA, method);
    return [{ name: `${controller.name}.${name}`, mode: extras?.hydra?.mode ?? 'call', transportId }];
  });
}
