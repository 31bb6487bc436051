import type { ConfigStore } from '../../config/config-store.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import type { GlobalOptions } from '../session/session.js';

/** A service and, where one is named, a version: `math`, `math:1.2.0`. */
export interface Label {
  readonly service: string;
  readonly version: string | undefined;
}

/** The service and the version of a configuration command. */
export interface ConfigTarget extends Label {
  readonly store: ConfigStore;
  readonly global: GlobalOptions;
}

/** Hydra's own grammar of a label. */
export function parseLabel(text: string): Label {
  const [, service, version] = /^([^\s:]+)(?::([^\s:]+))?$/.exec(text) ?? [];
  if (service !== undefined) return { service, version };
  throw new CommandFailure(ExitCode.usage, `"${text}" is not service:version`);
}

/** The version of a label that has to name one. */
export function versionOf({ service, version }: Label): string {
  if (version !== undefined) return version;
  throw new CommandFailure(ExitCode.usage, `"${service}" names no version: say ${service}:<version>`);
}

export function parseRevision(text: string): number {
  const revision = Number(text.replace(/^@/, ''));
  if (Number.isInteger(revision) && revision >= 0) return revision;
  throw new CommandFailure(ExitCode.usage, `"${text}" is not a revision`);
}

export function nothingStored(label: string): CommandFailure {
  return new CommandFailure(ExitCode.notFound, `${label} is not stored`);
}
