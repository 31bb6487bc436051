import { HydraError } from '../hydra-error.js';
import type { Environment } from './checks.js';

/** The options of a service in the environment. */
export interface ServiceOptions {
  service: string;
  version: string;
  description: string;
  type: string;
  host: string;
  port: number;
}

/** Hydra 1.9's `HYDRA_SERVICE`. Its form `name:version` (a stored configuration) is not read here. */
export function fromEnvironment(environment: Environment): Partial<ServiceOptions> {
  const members = serviceMembers(environment['HYDRA_SERVICE'] ?? '');
  const given = {
    service: members['serviceName'],
    version: members['serviceVersion'],
    description: members['serviceDescription'],
    type: members['serviceType'],
    host: members['serviceIP'] || members['serviceDNS'] || undefined,
    port: members['servicePort'] ? Number(members['servicePort']) : undefined,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<ServiceOptions>;
}

function serviceMembers(value: string): Readonly<Record<string, string | undefined>> {
  const trimmed = value.replaceAll('\n', '').trim();
  if (trimmed.startsWith('{')) {
    try {
      return JSON.parse(trimmed) as Record<string, string>;
    } catch {
      // Neither the text nor the parser's words, which quote it: it may hold a password.
      throw new HydraError('BAD_OPTION', "the environment's HYDRA_SERVICE begins with { and is not JSON");
    }
  }
  if (!trimmed.includes('=')) return {};
  return Object.fromEntries(trimmed.split('|').map((pair) => pair.split('=', 2) as [string, string]));
}
