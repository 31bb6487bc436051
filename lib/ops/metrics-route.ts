import type { AbstractHttpAdapter } from '@nestjs/core';

import { badOption } from '../hydra-options.js';
import type { HydraMetrics } from './hydra-metrics.js';

/**
 * Serves the metrics on a path of the application's own HTTP server, whatever prefix its controllers have.
 *
 * @throws HydraError `BAD_OPTION` in an application without HTTP
 */
export function addMetricsRoute(
  adapter: AbstractHttpAdapter | undefined,
  path: string,
  metrics: HydraMetrics,
): void {
  if (!adapter)
    throw badOption('metrics.path', path, 'left out in an application without HTTP; use ops.port');
  const answer = async (_request: unknown, response: unknown) => {
    const text = await metrics.freshText();
    adapter.setHeader(response, 'content-type', metrics.contentType);
    adapter.reply(response, text, 200);
  };
  adapter.get(path, answer);
}
