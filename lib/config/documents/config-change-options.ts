import { hostname } from 'node:os';

import { HydraError } from '../../hydra-error.js';
import { refuseUnknown, type NamesOf } from '../../hydra-options.js';
import type { Audit } from './stored-configs.js';

/** Who changes a configuration and why, and which revision it must have. @publicApi */
export interface ConfigChangeOptions {
  /** The author: a person or a program. @defaultValue `<service>@<host name>` */
  readonly by?: string;
  /** The reason, for the history. @defaultValue '' */
  readonly why?: string;
  /** The revision that the version must have before the change; 0 when it must not be stored. @defaultValue any */
  readonly expect?: number;
}

const CHANGE_NAMES = { by: true, why: true, expect: true } satisfies NamesOf<ConfigChangeOptions>;

/**
 * The record of a change by this service.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function changeOptionsOf(given: ConfigChangeOptions, service: string): Audit {
  refuseUnknown('a change of a configuration', given, CHANGE_NAMES);
  const { by, why = '', expect } = given;
  return { by: by ?? `${service}@${hostname()}`, why, expect };
}

export function conflict(label: string, revision: number, expect: number | undefined): HydraError {
  const found = revision === 0 ? 'is not stored' : `is at revision ${revision}`;
  const wanted = expect === 0 ? 'that it is not stored' : expect;
  return new HydraError('CONFIG_CONFLICT', `${label} ${found}, expected ${wanted}`);
}

export function notFound(service: string, what: string): HydraError {
  return new HydraError('CONFIG_NOT_FOUND', `"${service}" has no stored configuration: ${what}`);
}

/** Hydra's labels are `name:version`, split at the colon. */
export function checkVersion(version: unknown): string {
  if (typeof version === 'string' && /^[^\s:]+$/.test(version)) return version;
  const got = JSON.stringify(version) ?? String(version);
  throw new HydraError('BAD_OPTION', `version must be a word without ":" and white space, got ${got}`);
}
