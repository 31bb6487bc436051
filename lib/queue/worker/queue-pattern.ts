import { MessagePattern } from '@nestjs/microservices';

import type { DeliveryExtras } from '../../delivery/source.js';
import { captureHandlerError } from '../../delivery/capture-handler-error.js';
import type { JobOptions } from '../../hydra-options.js';

const HYDRA = Symbol.for('hydra');

/**
 * Handles the jobs of a pattern: `@QueuePattern('invoice.pdf', { concurrency: 4, attempts: 5 })`.
 *
 * The method is an ordinary Nest handler with `@Payload()` and `@Ctx() context: HydraJobContext`. Its return, or the last
 * value of an Observable, completes the job; an error tries it again, until `attempts`; `Retry.after(ms)` returned and
 * `DeadLetter` thrown say so outright. It may run more than once for one job, also at the same time as another attempt
 * that its own worker believes to be running still: `context.fence` tells which is the later one.
 *
 * @publicApi
 */
export const QueuePattern = (
  pattern: string | number | object,
  options: JobOptions = {},
): MethodDecorator => {
  const extras: DeliveryExtras = { hydra: { mode: 'job', options } };
  return (target, key, descriptor) => {
    captureHandlerError(target, key, descriptor);
    MessagePattern(pattern, HYDRA, extras as Record<string, unknown>)(target, key, descriptor);
  };
};
