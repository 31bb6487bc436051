import { Logger } from '@nestjs/common';
import { distinctUntilChanged, filter, map, startWith, switchMap, type Observable } from 'rxjs';

import { HydraError } from '../hydra-error.js';
import { serviceName } from '../hydra-options.js';
import type { JsonObject } from '../protocol/json.js';
import { IgnorablePromises } from '../runtime/ignorable.js';
import type { ConfigContext } from './config-context.js';
import {
  changeOptionsOf,
  checkVersion,
  conflict,
  notFound,
  type ConfigChangeOptions,
} from './documents/config-change-options.js';
import type { ConfigDocument } from './documents/config-documents.js';
import { changeOf, entryBefore, type ConfigChange } from './documents/config-history.js';
import { ConfigRepository } from './documents/config-repository.js';
import type { SecretTest } from './documents/config-secrets.js';
import { differences, type ConfigDifference } from './documents/difference.js';
import { isSameConfig, type EffectiveConfig } from './documents/effective-config.js';
import { sortVersions } from './documents/versions.js';
import { LiveConfig } from './live/live-config.js';

/**
 * A stored version.
 *
 * @publicApi
 */
export interface StoredVersion {
  /** Its name. */
  readonly version: string;
  /** The number of the change that stored it; counts all changes of the service's configurations. */
  readonly revision: number;
}

/**
 * The configurations of a service: one JSON object for each version, as Hydra 1.x stores them, with revisions and a
 * history.
 *
 * It belongs to the own service; `of('billing')` gives the store of another service. Every read and write is a round
 * trip to Redis, and fails with `REDIS_UNAVAILABLE` without a connection. The configuration that the process runs with
 * (`LiveConfig`) stays.
 *
 * @publicApi
 */
@IgnorablePromises
export class ConfigStore {
  /** The service whose configurations these are. */
  readonly service: string;

  /** The configuration that this process runs with. */
  readonly running: LiveConfig;

  private readonly logger = new Logger('HydraConfig');
  private readonly repository: ConfigRepository;
  private readonly others = new Map<string, ConfigStore>();

  /** @throws HydraError `BAD_OPTION` */
  constructor(
    private readonly context: ConfigContext,
    of?: Pick<ConfigStore, 'service' | 'running'>,
  ) {
    this.service = of?.service ?? context.options.service;
    this.repository = new ConfigRepository(context, this.service);
    this.running = of?.running ?? new LiveConfig(context, this.repository);
  }

  /** The store of another service. Documents that are put there are not checked against the schema of this service. */
  of(service: string): ConfigStore {
    const name = serviceName(service);
    if (name === this.service) return this;
    const { running } = this;
    const known = this.others.get(name) ?? new ConfigStore(this.context, { service: name, running });
    this.others.set(name, known);
    return known;
  }

  /**
   * A configuration as a service uses it: checked, its references resolved. Without a version, the one that this instance
   * uses (of another service, the newest). Undefined when it is not stored.
   *
   * @throws HydraError `CONFIG_INVALID` when what is stored is not valid; `REDIS_UNAVAILABLE`
   */
  async get<T extends object = JsonObject>(version?: string): Promise<T | undefined> {
    return (await this.repository.load(version))?.config as T | undefined;
  }

  /**
   * A configuration as it is stored, to be edited and put back with `expect`.
   *
   * @throws HydraError `CONFIG_INVALID` when it is not a JSON object or cannot be decrypted; `REDIS_UNAVAILABLE`
   */
  async document<T extends object = JsonObject>(version?: string): Promise<ConfigDocument<T> | undefined> {
    const found = await this.repository.textOf(version);
    if (!found) return undefined;
    const { version: label, revision } = found;
    return { version: label, revision, config: this.repository.decode(found) as T };
  }

  /** The JSON of a configuration as it is stored, with its digits. Throws as {@link document}. @internal */
  async documentText(version: string): Promise<(StoredVersion & { readonly text: string }) | undefined> {
    const found = await this.repository.textOf(version);
    return found && { version: found.version, revision: found.revision, text: this.repository.open(found) };
  }

  /**
   * Stores one version. Instances that use it learn of it at once.
   *
   * @throws HydraError `CONFIG_INVALID` when it does not meet the service's schema; `CONFIG_CONFLICT` when the version is
   *   not at the expected revision; `PAYLOAD_TOO_LARGE` above `maxPayloadBytes`; `BAD_OPTION`; `REDIS_UNAVAILABLE` (it
   *   may have been stored)
   */
  async put(version: string, config: object, options: ConfigChangeOptions = {}): Promise<StoredVersion> {
    return this.repository.write(checkVersion(version), config, 'put', options);
  }

  /** Every stored version, oldest first by semver; labels that are no versions come before them. */
  async list(): Promise<string[]> {
    return sortVersions(await this.repository.stored.versions());
  }

  /** Every stored version with its revision, in the order of {@link list}. */
  async versions(): Promise<StoredVersion[]> {
    const revisions = await this.repository.stored.revisions();
    return sortVersions([...revisions.keys()]).map((version) => ({
      version,
      revision: revisions.get(version)!,
    }));
  }

  /**
   * Removes one version; false when it was not stored. Instances keep the configuration that they run with, or change
   * to another version.
   */
  async remove(version: string, options: ConfigChangeOptions = {}): Promise<boolean> {
    const [removed, revision] = await this.repository.stored.remove(
      checkVersion(version),
      changeOptionsOf(options, this.context.options.service),
    );
    if (!removed && revision > 0)
      throw conflict(this.repository.documents.label(version), revision, options.expect);
    return removed;
  }

  /**
   * A configuration as {@link get} gives it, now and after each change of it. Never fails: an invalid document is
   * logged and left out, without a connection it waits, and when nothing is stored it emits nothing.
   */
  watch<T extends object = JsonObject>(version?: string): Observable<T> {
    const { repository } = this;
    if (repository.isOwn && version === undefined) return this.running.watch() as Observable<T>;
    return repository.changes$.pipe(
      startWith(undefined),
      switchMap(() => repository.load(version).catch((error: unknown) => this.report(error))),
      filter((found) => found !== undefined),
      distinctUntilChanged<EffectiveConfig>(isSameConfig),
      map(({ config }) => config as T),
    );
  }

  /**
   * The changes from `a` to `b`: each is a version, or a revision of the history. Secrets are not shown.
   *
   * @throws HydraError `CONFIG_NOT_FOUND`; `CONFIG_INVALID`; `REDIS_UNAVAILABLE`
   */
  async diff(a: string | number, b: string | number): Promise<ConfigDifference[]> {
    const [before, after, isSecret] = await Promise.all([this.side(a), this.side(b), this.secretTest()]);
    return differences(before, after, isSecret);
  }

  /** The last changes, newest first, of all versions or of one. Secrets are not shown. */
  async history(version?: string): Promise<ConfigChange[]> {
    const [entries, isSecret] = await Promise.all([this.repository.stored.history(), this.secretTest()]);
    return entries
      .filter((entry) => version === undefined || entry.version === version)
      .map((entry) => changeOf(entry, this.repository.documents, isSecret));
  }

  /**
   * Stores again what a version held: at a revision, or before its last change when `to` is a version (or nothing, for
   * the version in use). It becomes a new revision.
   *
   * @throws HydraError `CONFIG_NOT_FOUND` when the history does not hold it (any more); otherwise as {@link put}
   */
  async rollback(to?: number | string, options: ConfigChangeOptions = {}): Promise<StoredVersion> {
    const target = typeof to === 'number' ? to : (to ?? (await this.repository.chosenVersion()));
    const entry = entryBefore(await this.repository.stored.history(), target);
    if (entry?.text === undefined) throw notFound(this.service, `rollback to ${target ?? 'what was before'}`);
    const config = this.repository.decode({ text: entry.text, version: entry.version });
    const why = options.why ?? `back to revision ${entry.revision}`;
    return this.repository.write(entry.version, config, 'rollback', { ...options, why });
  }

  /**
   * The document that a revision stored, as it was stored.
   *
   * @throws HydraError `CONFIG_NOT_FOUND` when the history does not hold it (any more); `CONFIG_INVALID`;
   *   `REDIS_UNAVAILABLE`
   */
  async documentAt(revision: number): Promise<JsonObject> {
    return this.repository.decode(await this.storedAt(revision));
  }

  /** The revision that `rollback` without one goes back to; undefined when there is none. */
  async revisionBefore(version?: string): Promise<number | undefined> {
    const of = version ?? (await this.repository.chosenVersion());
    return entryBefore(await this.repository.stored.history(), of)?.revision;
  }

  /** Whether a stored version is not encrypted, or encrypted with another key than the first one. @internal */
  async isSealedOtherwise(version: string): Promise<boolean> {
    const { text } = await this.repository.stored.read(version);
    return text !== undefined && this.repository.documents.isSealedOtherwise(text);
  }

  /** Which values must not be shown: paths that this process or the service marked, and names of secrets. @internal */
  secretTest(): Promise<SecretTest> {
    return this.repository.secretTest();
  }

  /** Whether this process has a schema that documents are checked against before they are stored. @internal */
  get isChecked(): boolean {
    return !this.repository.schemas.isEmpty;
  }

  /** The JSON of a version, or of a revision of the history, with its digits. Throws as {@link diff}. @internal */
  async textOf(given: string | number): Promise<string> {
    const stored = await this.storedAt(given);
    this.repository.decode(stored);
    return this.repository.open(stored);
  }

  private async side(given: string | number): Promise<JsonObject> {
    return this.repository.decode(await this.storedAt(given));
  }

  private async storedAt(
    given: string | number,
  ): Promise<{ readonly version: string; readonly text: string }> {
    if (typeof given === 'string') {
      const found = await this.repository.textOf(given);
      if (!found) throw notFound(this.service, this.repository.documents.label(given));
      return found;
    }
    const { version, text } = entryBefore(await this.repository.stored.history(), given) ?? {};
    if (version === undefined || text === undefined) throw notFound(this.service, `revision ${given}`);
    return { version, text };
  }

  private report(error: unknown): undefined {
    const isOutage = error instanceof HydraError && error.code === 'REDIS_UNAVAILABLE' && error.retryable;
    if (!isOutage) this.logger.warn(String(error));
  }
}
