import type { Attributes } from '@opentelemetry/api';

import { Attribute, OperationType, SYSTEM } from './semantic-names.js';

interface Operation {
  readonly type: keyof typeof OperationType;
  /** `add`, `publish`, `process`, … */
  readonly name: string;
  readonly destination: string;
}

/** Name and attributes of a span of what is sent or handled without an answer. */
export function messaging({ type, name, destination }: Operation): {
  readonly name: string;
  readonly attributes: Attributes;
} {
  const attributes = {
    [Attribute.messagingSystemName]: SYSTEM,
    [Attribute.messagingOperationType]: OperationType[type],
    [Attribute.messagingOperationName]: name,
    [Attribute.messagingDestination]: destination,
  };
  return { name: `${name} ${destination}`, attributes };
}

/** A queue as a destination: the service's name for its default one. */
export function queueName(service: string, queue: string): string {
  return queue === 'default' ? service : `${service}/${queue}`;
}
