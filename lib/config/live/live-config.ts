import { Logger } from '@nestjs/common';
import {
  defer,
  distinctUntilChanged,
  filter,
  map,
  skip,
  startWith,
  Subject,
  type Observable,
  type Subscription,
} from 'rxjs';

import { configState } from '../../diagnostics/channels.js';
import { HydraError } from '../../hydra-error.js';
import type { ConfigType } from '../../protocol/standard-schema.js';
import type { ConfigContext } from '../config-context.js';
import { notFound } from '../documents/config-change-options.js';
import type { ConfigRepository } from '../documents/config-repository.js';
import { isSameConfig, type EffectiveConfig, type TextOfVersion } from '../documents/effective-config.js';
import { readLastGood, saveLastGood } from './last-good-file.js';
import { Live } from './live.js';
import { parsePath, valueAt, type Path } from '../documents/document-paths.js';
import type { Requirement } from '../schema/config-schemas.js';

/**
 * The state of the configuration that an instance runs with.
 *
 * @publicApi
 */
export interface ConfigStatus {
  /** Where it came from; `none` until there was a valid one. */
  readonly source: 'none' | 'redis' | 'file' | 'defaults';
  /** The version it runs with; absent with the source `none`. */
  readonly version?: string;
  /** The revision it runs with; 0 for defaults. */
  readonly revision?: number;
  /** Why it is not the stored document: that one is not valid or was removed, or there was no connection to Redis. */
  readonly problem?: string;
}

const DEFAULTS = 'defaults';

/**
 * ```text
 *   none ──▶ running from redis ◀──▶ running from a file or the defaults
 *                (what is stored is read anew with each change; what is not valid leaves what runs)
 * ```
 */
type State =
  | { readonly source: 'none' }
  | { readonly source: 'redis' | 'file' | 'defaults'; readonly effective: EffectiveConfig };

/**
 * The configuration that this process runs with: the stored one if it is valid, otherwise the last valid one. At the
 * start this is the one in the fallback file; if there is none, the defaults.
 *
 * @publicApi
 */
export class LiveConfig {
  private readonly logger = new Logger('HydraConfig');
  private readonly accepted = new Subject<EffectiveConfig>();
  private state: State = { source: 'none' };
  private problem: string | undefined;
  private following: Subscription | undefined;
  private isRenewalDue = false;
  /** Reads run one after another, so that an old document never replaces a new one. */
  private lastReading: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: ConfigContext,
    private readonly repository: ConfigRepository,
  ) {}

  /** What this instance runs with, and why it refused the stored document. */
  get status(): ConfigStatus {
    const { effective, problem } = this;
    return {
      source: this.state.source,
      ...(effective && { version: effective.version, revision: effective.revision }),
      ...(problem !== undefined && { problem }),
    };
  }

  /**
   * A part of the configuration that follows changes; the whole when there is no path. From now on a document is
   * refused if this part does not match the type.
   *
   * @throws HydraError when there is no valid configuration to begin with: `CONFIG_NOT_FOUND`, `CONFIG_INVALID`,
   *   `REDIS_UNAVAILABLE`
   */
  async live<T>(type: ConfigType<T>, path = ''): Promise<Live<T>> {
    const requirement = await this.serialize(() => this.require(type, parsePath(path)));
    const valueOf = ({ values }: EffectiveConfig) => values.get(requirement) as T;
    const section = ({ resolved }: EffectiveConfig) => JSON.stringify(valueAt(resolved, requirement.path));
    const changes$ = defer(() =>
      this.accepted.pipe(
        startWith(this.effective!),
        distinctUntilChanged((a, b) => section(a) === section(b)),
        skip(1),
        map(valueOf),
      ),
    );
    return new Live(() => ({ ...this.effective!, value: valueOf(this.effective!) }), changes$);
  }

  /**
   * Begins to run with the stored configuration, and resolves with it.
   *
   * @throws HydraError as {@link live}
   */
  async start(): Promise<object> {
    await this.serialize(() => this.begin());
    return this.effective!.config;
  }

  /**
   * The whole configuration, now and after each change. Never fails: an invalid document is logged and left out, and
   * without a connection it waits.
   */
  watch(): Observable<object> {
    return defer(() => {
      void this.follow();
      return this.accepted.pipe(
        startWith(this.effective),
        filter((found) => found !== undefined),
        distinctUntilChanged<EffectiveConfig>(isSameConfig),
        map(({ config }) => config),
      );
    });
  }

  /** Begins to run with the stored configuration, as soon as there is a valid one. Never fails. */
  async follow(): Promise<void> {
    await this.serialize(() => this.begin()).catch((error: unknown) => this.report(error));
  }

  /** Stops following changes; the running configuration stays. Idempotent. */
  close(): void {
    this.following?.unsubscribe();
  }

  private get effective(): EffectiveConfig | undefined {
    return this.state.source === 'none' ? undefined : this.state.effective;
  }

  private serialize<T>(act: () => Promise<T>): Promise<T> {
    const reading = this.lastReading.then(act, act);
    this.lastReading = reading.catch(() => undefined);
    return reading;
  }

  private async require(type: ConfigType, path: Path): Promise<Requirement> {
    const { schemas } = this.repository;
    const isKnown = schemas.has(type, path);
    const requirement = schemas.add(type, path);
    try {
      await this.begin();
      return requirement;
    } catch (error) {
      if (!isKnown) schemas.remove(requirement);
      throw error;
    }
  }

  private async begin(): Promise<void> {
    this.listen();
    const { effective } = this;
    if (effective && this.repository.schemas.areMetBy(effective.values)) return;
    const failure = await this.loadStored();
    if (failure && effective) return this.keep(effective, failure);
    if (!failure || (await this.loadFile(failure)) || (await this.loadDefaults(failure))) return;
    throw failure;
  }

  /** The running configuration stays, if it matches the new schemas too. */
  private async keep(effective: EffectiveConfig, failure: unknown): Promise<void> {
    const { source } = this.state;
    if (source !== 'none') await this.take(await this.repository.accept(effective), source);
    this.report(failure);
  }

  /** It subscribes first: a change during the first read causes another read, and is not missed. */
  private listen(): void {
    if (this.following) return;
    this.following = this.repository.changes$.subscribe(() => this.renewSoon());
    this.context.health?.contribute('config', () => ({
      activity: { revision: this.effective?.revision ?? 0 },
      warning: this.problem,
    }));
    this.repository.announceRules().catch(() => undefined);
  }

  /** A read that has not begun yet covers all changes that are announced meanwhile. */
  private renewSoon(): void {
    if (this.isRenewalDue) return;
    this.isRenewalDue = true;
    void this.serialize(() => this.renew());
  }

  private async renew(): Promise<void> {
    this.isRenewalDue = false;
    const failure = await this.loadStored();
    if (failure) this.report(failure);
  }

  /** Undefined when it runs with what is stored now. */
  private async loadStored(): Promise<unknown> {
    try {
      const stored = await this.repository.textOf();
      if (!stored) return this.nothingStored();
      if (!this.isRunning(stored)) await this.take(await this.repository.accept(stored), 'redis');
      this.problem = undefined;
      return undefined;
    } catch (error) {
      return error;
    }
  }

  private isRunning(stored: TextOfVersion): boolean {
    const { state } = this;
    if (state.source !== 'redis') return false;
    const { effective } = state;
    return isSameConfig(effective, stored) && this.repository.schemas.areMetBy(effective.values);
  }

  private async loadFile(failure: unknown): Promise<boolean> {
    const { options } = this.context;
    const path = options.config.fallbackFile;
    const found = path && (await readLastGood(path, options.service));
    if (!path || !found) return false;
    try {
      await this.take(await this.repository.accept(found), 'file');
    } catch (error) {
      this.logger.warn(`${path}: ${String(error)}`);
      return false;
    }
    this.report(failure);
    const what = `configuration ${found.version}@${found.revision} of ${found.savedOn}`;
    this.logger.warn(`running with ${what} from ${path} until a valid one is there`);
    return true;
  }

  private async loadDefaults(failure: unknown): Promise<boolean> {
    const { defaults } = this.context.options.config;
    if (!isMissing(failure) || defaults === undefined) return false;
    const text = JSON.stringify(defaults);
    await this.take(await this.repository.accept({ version: DEFAULTS, revision: 0, text }), 'defaults');
    return true;
  }

  private async take(next: EffectiveConfig, source: Exclude<ConfigStatus['source'], 'none'>): Promise<void> {
    const { presence } = this.context;
    const { version, revision, text } = next;
    const before = this.effective;
    this.state = { source, effective: next };
    this.problem = undefined;
    if (!before || !isSameConfig(before, next))
      this.logger.log(`configuration ${version}@${revision} (${source})`);
    this.tell();
    // A slow registry must not delay the values.
    if (source !== 'defaults') void presence?.update({ capabilities: { config: `${version}@${revision}` } });
    this.accepted.next(next);
    if (source === 'redis') await this.save({ version, revision, text });
  }

  private async save(stored: TextOfVersion): Promise<void> {
    const { service, config } = this.context.options;
    if (config.fallbackFile === undefined) return;
    const document = { service, ...stored, savedOn: new Date(this.context.clock.now()).toISOString() };
    await saveLastGood(config.fallbackFile, document).catch((error: unknown) =>
      this.logger.warn(`the last good configuration could not be kept: ${String(error)}`),
    );
  }

  /** Observers are told of each change of the running configuration, and of each reason why it does not change. */
  private tell(): void {
    const { id: instanceId, options } = this.context;
    if (instanceId === undefined || !configState.hasSubscribers) return;
    const { effective, problem } = this;
    const running = effective && `${effective.version}@${effective.revision}`;
    configState.publish({ instanceId, service: options.service, running, problem });
  }

  private nothingStored(): HydraError {
    const { service, version, config } = this.context.options;
    const wanted = config.version ?? config.label ?? `none that suits version ${version}`;
    const label = `${service}:${config.version ?? version}`;
    return notFound(
      service,
      `${wanted}; npx nestjs-hydra config push ${label} <file>, or give config.defaults`,
    );
  }

  /** Each reason is logged once, because every read finds a refused document again. */
  private report(error: unknown): void {
    // With defaults, it is not a problem that nothing is stored.
    if (this.state.source === 'defaults' && isMissing(error)) {
      this.problem = undefined;
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    if (text === this.problem || this.context.redis.state === 'closed') return;
    this.problem = text;
    this.tell();
    this.logger.warn(`${text}; ${this.effective ? 'the last good one stays' : 'waiting for a valid one'}`);
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof HydraError && failure.code === 'CONFIG_NOT_FOUND';
}
