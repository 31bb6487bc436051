import { Logger } from '@nestjs/common';
import { distinctUntilChanged, filter, map, startWith, switchMap, type Observable } from 'rxjs';

import { HydraError } from '../../hydra-error.js';
import { serviceName } from '../../hydra-options.js';
import type { JsonObject } from '../../protocol/json.js';
import type { ConfigType } from '../../protocol/standard-schema.js';
import { IgnorablePromises } from '../../runtime/ignorable.js';
import { auditOf, checkVersion, conflict, notFound, type ConfigAudit } from './config-change-options.js';
import { configChanges } from './config-changes.js';
import { ConfigDocuments, type ConfigDocument } from './config-documents.js';
import { changeOf, entryBefore, type ConfigChange } from './config-history.js';
import type { ConfigHost } from '../config-host.js';
import { differences, type ConfigDifference } from './difference.js';
import {
  effectiveConfig,
  isSameConfig,
  type EffectiveConfig,
  type TextOfVersion,
} from '../live/effective-config.js';
import type { Live } from '../live/live.js';
import { secretTest, type SecretTest } from './config-secrets.js';
import { Requirements } from '../schema/config-schemas.js';
import { RunningConfig, type ConfigStatus } from '../live/running-config.js';
import { StoredConfigs } from './stored-configs.js';
import { chooseVersion, sortVersions } from './versions.js';

/** @publicApi */
export interface StoredVersion {
  readonly version: string;
  readonly revision: number;
}

/**
 * A service's configurations: one JSON object a version, as Hydra 1.x stores them, with revisions and a history.
 *
 * Without further words it is about the own service; `of('billing')` is about another. Every read and write is a round
 * trip to Redis and fails with `REDIS_UNAVAILABLE` without it; what a process runs with (`live`, `watch`) stays.
 *
 * @publicApi
 */
@IgnorablePromises
export class ConfigStore {
  readonly service: string;

  private readonly logger = new Logger('HydraConfig');
  private readonly stored: StoredConfigs;
  private readonly documents: ConfigDocuments;
  private readonly requirements: Requirements;
  private readonly changes$: Observable<void>;
  private readonly running: RunningConfig;
  private readonly others = new Map<string, ConfigStore>();

  /** @throws HydraError `BAD_OPTION` */
  constructor(
    private readonly host: ConfigHost,
    service?: string,
  ) {
    const { redis, keys, options } = host;
    const { config, maxPayloadBytes } = options;
    this.service = service ?? options.service;
    const limits = { historyLimit: config.historyLimit, maxBytes: maxPayloadBytes };
    this.stored = new StoredConfigs(redis, keys, this.service, limits);
    this.documents = new ConfigDocuments(this.service, maxPayloadBytes, config.keys);
    this.requirements = new Requirements(config.secrets);
    if (this.isOwn && config.schema) this.requirements.add(config.schema);
    this.changes$ = configChanges(this.stored, config.checkIntervalMs);
    this.running = new RunningConfig({
      host,
      changes$: this.changes$,
      requirements: this.requirements,
      stored: () => this.currentText(),
      accept: (text) => this.accept(text),
      tell: async () => {
        await Promise.all([this.stored.markSecrets(config.secrets), this.stored.keepHistory()]);
      },
    });
  }

  /** The store of another service. What is put there is not checked against this service's schema. */
  of(service: string): ConfigStore {
    const name = serviceName(service);
    if (name === this.service) return this;
    const known = this.others.get(name) ?? new ConfigStore(this.host, name);
    this.others.set(name, known);
    return known;
  }

  /** What this instance runs with, and what it refused. */
  get status(): ConfigStatus {
    return this.running.status;
  }

  /**
   * A configuration as a service uses it: checked, its references resolved. Without a version, the one that this instance
   * uses (of another service, the newest). Undefined when it is not stored.
   *
   * @throws HydraError `CONFIG_INVALID` when what is stored is not valid; `REDIS_UNAVAILABLE`
   */
  async get<T extends object = JsonObject>(version?: string): Promise<T | undefined> {
    return (await this.load(version))?.config as T | undefined;
  }

  /**
   * A configuration as it is stored, to be edited and put back with `expect`.
   *
   * @throws HydraError `CONFIG_INVALID` when it is not a JSON object or cannot be decrypted; `REDIS_UNAVAILABLE`
   */
  async document<T extends object = JsonObject>(version?: string): Promise<ConfigDocument<T> | undefined> {
    const found = await this.currentText(version);
    if (!found) return undefined;
    const { text, ...place } = found;
    return { ...place, config: this.documents.decode(text, place.version) as T };
  }

  /**
   * Stores one version. Instances that use it have it within a moment.
   *
   * @throws HydraError `CONFIG_INVALID` when it does not meet the service's schema; `CONFIG_CONFLICT` when the version is
   *   not at the expected revision; `PAYLOAD_TOO_LARGE` above `maxPayloadBytes`; `BAD_OPTION`; `REDIS_UNAVAILABLE` (it
   *   may have been stored)
   */
  async put(version: string, config: object, audit: ConfigAudit = {}): Promise<StoredVersion> {
    return this.write(checkVersion(version), config, 'put', audit);
  }

  /** Every stored version, oldest first by semver; labels that are no versions come before them. */
  async list(): Promise<string[]> {
    return sortVersions(await this.stored.versions());
  }

  /** Every stored version with its revision, in the order of {@link list}. */
  async versions(): Promise<StoredVersion[]> {
    const revisions = await this.stored.revisions();
    return sortVersions([...revisions.keys()]).map((version) => ({
      version,
      revision: revisions.get(version)!,
    }));
  }

  /** Removes one version; false when it was not stored. Instances keep what they run with, or go to another version. */
  async remove(version: string, audit: ConfigAudit = {}): Promise<boolean> {
    const [removed, revision] = await this.stored.remove(
      checkVersion(version),
      auditOf(audit, this.host.options.service),
    );
    if (!removed && revision > 0) throw conflict(this.documents.label(version), revision, audit.expect);
    return removed;
  }

  /**
   * A configuration as {@link get} gives it, now and after each change of it. Never fails: what is not valid is logged and
   * left out, an absent Redis is waited for, and when nothing is stored nothing is emitted.
   */
  watch<T extends object = JsonObject>(version?: string): Observable<T> {
    if (this.isOwn && version === undefined) return this.running.watch() as Observable<T>;
    return this.changes$.pipe(
      startWith(undefined),
      switchMap(() => this.load(version).catch((error: unknown) => this.report(error))),
      filter((found) => found !== undefined),
      distinctUntilChanged<EffectiveConfig>(isSameConfig),
      map(({ config }) => config as T),
    );
  }

  /**
   * A part of the own configuration that changes while the process runs; the whole when there is no path. From now on a
   * document is refused unless this part is as the type says.
   *
   * @throws HydraError when there is no valid configuration to begin with: `CONFIG_NOT_FOUND`, `CONFIG_INVALID`,
   *   `REDIS_UNAVAILABLE`
   */
  live<T>(type: ConfigType<T>, path = ''): Promise<Live<T>> {
    return this.running.live(type, path);
  }

  /** Begins to run with the stored configuration, as soon as there is a valid one. Never fails. */
  follow(): Promise<void> {
    return this.running.follow();
  }

  /**
   * Begins to run with the stored configuration, and resolves with it.
   *
   * @throws HydraError as {@link live}
   */
  start(): Promise<object> {
    return this.running.start();
  }

  /**
   * What has to change in `a` to make it `b`: each a version, or a revision of the history. Secrets are not shown.
   *
   * @throws HydraError `CONFIG_NOT_FOUND`; `CONFIG_INVALID`; `REDIS_UNAVAILABLE`
   */
  async diff(a: string | number, b: string | number): Promise<ConfigDifference[]> {
    const [before, after, isSecret] = await Promise.all([this.side(a), this.side(b), this.secretTest()]);
    return differences(before, after, isSecret);
  }

  /** The last changes, newest first, of all versions or of one. Secrets are not shown. */
  async history(version?: string): Promise<ConfigChange[]> {
    const [entries, isSecret] = await Promise.all([this.stored.history(), this.secretTest()]);
    return entries
      .filter((entry) => version === undefined || entry.version === version)
      .map((entry) => changeOf(entry, this.documents, isSecret));
  }

  /**
   * Stores again what a version held: at a revision, or before its last change when `to` is a version (or nothing, for
   * the version in use). It becomes a new revision.
   *
   * @throws HydraError `CONFIG_NOT_FOUND` when the history does not hold it (any more); otherwise as {@link put}
   */
  async rollback(to?: number | string, audit: ConfigAudit = {}): Promise<StoredVersion> {
    const target = typeof to === 'number' ? to : (to ?? (await this.chosenVersion()));
    const entry = entryBefore(await this.stored.history(), target);
    if (entry?.text === undefined) throw notFound(this.service, `rollback to ${target ?? 'what was before'}`);
    const config = this.documents.decode(entry.text, entry.version);
    const why = audit.why ?? `back to revision ${entry.revision}`;
    return this.write(entry.version, config, 'rollback', { ...audit, why });
  }

  /**
   * The document that a revision stored, as it was stored.
   *
   * @throws HydraError `CONFIG_NOT_FOUND` when the history does not hold it (any more); `CONFIG_INVALID`;
   *   `REDIS_UNAVAILABLE`
   */
  async documentAt(revision: number): Promise<JsonObject> {
    const entry = entryBefore(await this.stored.history(), revision);
    if (entry?.text === undefined) throw notFound(this.service, `revision ${revision}`);
    return this.documents.decode(entry.text, entry.version);
  }

  /** The revision that `rollback` without one goes back to; undefined when there is none. */
  async revisionBefore(version?: string): Promise<number | undefined> {
    const of = version ?? (await this.chosenVersion());
    return entryBefore(await this.stored.history(), of)?.revision;
  }

  /** Whether a version is stored that is not encrypted with the first of the keys, or not at all. @internal */
  async isSealedOtherwise(version: string): Promise<boolean> {
    const { text } = await this.stored.read(version);
    return text !== undefined && this.documents.isSealedOtherwise(text);
  }

  /** What must not be shown: the paths that this process or the service itself marked, and names that say so. @internal */
  async secretTest(): Promise<SecretTest> {
    return secretTest([...this.host.options.config.secrets, ...(await this.stored.secrets())]);
  }

  /** Stops watching. Idempotent; what is running stays as it is. */
  close(): void {
    this.running.close();
    for (const other of this.others.values()) other.close();
  }

  private get isOwn(): boolean {
    return this.service === this.host.options.service;
  }

  private async write(
    version: string,
    config: object,
    action: 'put' | 'rollback',
    audit: ConfigAudit,
  ): Promise<StoredVersion> {
    const { text, document } = this.documents.encode(config, version);
    await this.requirements.check(document, this.documents.label(version));
    const [written, revision] = await this.stored.write(
      version,
      text,
      action,
      auditOf(audit, this.host.options.service),
    );
    if (!written) throw conflict(this.documents.label(version), revision, audit.expect);
    return { version, revision };
  }

  private async load(version?: string): Promise<EffectiveConfig | undefined> {
    const found = await this.currentText(version);
    return found && this.accept(found);
  }

  private accept(text: TextOfVersion): Promise<EffectiveConfig> {
    return effectiveConfig(text, this.documents, this.requirements, this.host.options.config);
  }

  private async currentText(version?: string): Promise<TextOfVersion | undefined> {
    const chosen = version ?? (await this.chosenVersion());
    if (chosen === undefined) return undefined;
    const { revision, text } = await this.stored.read(chosen);
    return text === undefined ? undefined : { version: chosen, revision, text };
  }

  private async chosenVersion(): Promise<string | undefined> {
    const { version, config } = this.host.options;
    const wish = this.isOwn ? { own: version, pinned: config.version, label: config.label } : {};
    return chooseVersion(await this.stored.versions(), wish);
  }

  private async side(given: string | number): Promise<JsonObject> {
    if (typeof given === 'number') return this.documentAt(given);
    const found = await this.document(given);
    if (!found) throw notFound(this.service, this.documents.label(given));
    return found.config;
  }

  private report(error: unknown): undefined {
    const isOutage = error instanceof HydraError && error.code === 'REDIS_UNAVAILABLE' && error.retryable;
    if (!isOutage) this.logger.warn(String(error));
  }
}
