import type { Observable } from 'rxjs';

import type { JsonObject } from '../../protocol/json.js';
import type { ConfigContext } from '../config-context.js';
import { effectiveConfig, type EffectiveConfig, type TextOfVersion } from './effective-config.js';
import { ConfigSchemas } from '../schema/config-schemas.js';
import { changeOptionsOf, conflict, type ConfigChangeOptions } from './config-change-options.js';
import { configChanges } from './config-changes.js';
import { ConfigDocuments } from './config-documents.js';
import { secretTest, type SecretTest } from './config-secrets.js';
import { StoredConfigs } from './stored-configs.js';
import { chooseVersion } from './versions.js';

/** A version, and the revision it has. */
export interface Written {
  readonly version: string;
  readonly revision: number;
}

/** Reads, decrypts, checks and writes the documents of one service. `ConfigStore` and `LiveConfig` use it. */
export class ConfigRepository {
  readonly stored: StoredConfigs;
  readonly documents: ConfigDocuments;
  readonly schemas: ConfigSchemas;
  /** Emits when the stored documents may have changed. */
  readonly changes$: Observable<void>;

  /** @throws HydraError `BAD_OPTION` */
  constructor(
    private readonly context: ConfigContext,
    readonly service: string,
  ) {
    const { config, maxPayloadBytes } = context.options;
    this.stored = new StoredConfigs(context, {
      service,
      historyLimit: config.historyLimit,
      maxBytes: maxPayloadBytes,
    });
    this.documents = new ConfigDocuments(context, service);
    this.schemas = new ConfigSchemas(config.secrets);
    if (this.isOwn && config.schema) this.schemas.add(config.schema);
    this.changes$ = configChanges(context, this.stored);
  }

  /** Whether it is this process's own service. */
  get isOwn(): boolean {
    return this.service === this.context.options.service;
  }

  /** The version that this instance uses; of another service, the newest. */
  async chosenVersion(): Promise<string | undefined> {
    const { version, config } = this.context.options;
    const wish = this.isOwn ? { own: version, pinned: config.version, label: config.label } : {};
    return chooseVersion(await this.stored.versions(), wish);
  }

  /** As it is stored; undefined when it is not. */
  async textOf(version?: string): Promise<TextOfVersion | undefined> {
    const chosen = version ?? (await this.chosenVersion());
    if (chosen === undefined) return undefined;
    const { revision, text } = await this.stored.read(chosen);
    return text === undefined ? undefined : { version: chosen, revision, text };
  }

  /**
   * Opens a stored text, resolves its references and checks it.
   *
   * @throws HydraError `CONFIG_INVALID`
   */
  accept(text: TextOfVersion): Promise<EffectiveConfig> {
    return effectiveConfig(text, this);
  }

  /** The document as a service runs with it; undefined when it is not stored. */
  async load(version?: string): Promise<EffectiveConfig | undefined> {
    const found = await this.textOf(version);
    return found && this.accept(found);
  }

  open({ text, version }: Pick<TextOfVersion, 'text' | 'version'>): string {
    return this.documents.open(text, version);
  }

  decode({ text, version }: Pick<TextOfVersion, 'text' | 'version'>): JsonObject {
    return this.documents.decode(text, version);
  }

  /** @throws HydraError `CONFIG_INVALID`; `CONFIG_CONFLICT`; `PAYLOAD_TOO_LARGE`; `BAD_OPTION` */
  async write(
    version: string,
    config: object,
    action: 'put' | 'rollback',
    options: ConfigChangeOptions,
  ): Promise<Written> {
    const label = this.documents.label(version);
    const { text, document } = this.documents.encode(config, version);
    await this.schemas.check(document, label);
    const by = changeOptionsOf(options, this.context.options.service);
    const [written, revision] = await this.stored.write({ version, text, action }, by);
    if (!written) throw conflict(label, revision, options.expect);
    return { version, revision };
  }

  /** Which values must not be shown: paths that this process or the service marked, and names of secrets. */
  async secretTest(): Promise<SecretTest> {
    return secretTest([...this.context.options.config.secrets, ...(await this.stored.secrets())]);
  }

  /** Stores which paths are secret, and how many changes the history keeps. */
  async announceRules(): Promise<void> {
    const { secrets } = this.context.options.config;
    await Promise.all([this.stored.markSecrets(secrets), this.stored.keepHistory()]);
  }

  /** Sets how references are resolved, and the schema of the whole document. */
  get rules(): Pick<ConfigContext['options']['config'], 'references' | 'schema'> {
    return this.context.options.config;
  }
}
