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

import { HydraError } from '../../hydra-error.js';
import type { ConfigType } from '../../protocol/standard-schema.js';
import { notFound } from '../documents/config-change-options.js';
import type { ConfigHost } from '../config-host.js';
import { isSameConfig, type EffectiveConfig, type TextOfVersion } from './effective-config.js';
import { readLastGood, saveLastGood } from './last-good-file.js';
import { Live } from './live.js';
import { parsePath, valueAt, type Path } from '../documents/document-paths.js';
import type { Requirement, Requirements } from '../schema/config-schemas.js';

/**
 * What an instance runs with.
 *
 * @publicApi
 */
export interface ConfigStatus {
  /** Where it came from; `none` until there was a valid one. */
  readonly source: 'none' | 'redis' | 'file' | 'defaults';
  readonly version?: string;
  readonly revision?: number;
  /** Why it is not what is stored: that is not valid, or gone, or Redis was not there. */
  readonly problem?: string;
}

/** What a running configuration is made of. */
export interface RunningParts {
  readonly host: ConfigHost;
  readonly requirements: Requirements;
  readonly changes$: Observable<void>;
  /** The stored text that this instance should run with. */
  stored(): Promise<TextOfVersion | undefined>;
  /** Opens and checks it; rejects with `CONFIG_INVALID`. */
  accept(text: TextOfVersion): Promise<EffectiveConfig>;
  /** Tells others what is secret, and how long the history is. */
  tell(): Promise<void>;
}

const DEFAULTS = 'defaults';

/**
 * What this instance runs with: the stored configuration as long as it is valid, the last valid one otherwise. At the
 * start that is the one in the fallback file, and if there is none, the defaults.
 */
export class RunningConfig {
  private readonly logger = new Logger('HydraConfig');
  private readonly accepted = new Subject<EffectiveConfig>();
  private effective: EffectiveConfig | undefined;
  private source: ConfigStatus['source'] = 'none';
  private problem: string | undefined;
  private following: Subscription | undefined;
  private isRenewalDue = false;
  /** Readings come one after the other, so that an old one never replaces a new one. */
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: RunningParts) {}

  get status(): ConfigStatus {
    const { source, effective, problem } = this;
    return {
      source,
      ...(effective && { version: effective.version, revision: effective.revision }),
      ...(problem !== undefined && { problem }),
    };
  }

  /** @throws HydraError when there is nothing valid to begin with */
  async live<T>(type: ConfigType<T>, path: string): Promise<Live<T>> {
    const requirement = await this.inTurn(() => this.require(type, parsePath(path)));
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

  /** @throws HydraError when there is nothing valid to begin with */
  async start(): Promise<object> {
    await this.inTurn(() => this.begin());
    return this.effective!.config;
  }

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

  /** Runs with what is valid, as soon as something is. Never fails. */
  async follow(): Promise<void> {
    await this.inTurn(() => this.begin()).catch((error: unknown) => this.report(error));
  }

  close(): void {
    this.following?.unsubscribe();
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(act, act);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  private async require(type: ConfigType, path: Path): Promise<Requirement> {
    const { requirements } = this.parts;
    const isKnown = requirements.has(type, path);
    const requirement = requirements.add(type, path);
    try {
      await this.begin();
      return requirement;
    } catch (error) {
      if (!isKnown) requirements.remove(requirement);
      throw error;
    }
  }

  private async begin(): Promise<void> {
    this.listen();
    const { effective } = this;
    if (effective && this.parts.requirements.areMetBy(effective.values)) return;
    const failure = await this.takeStored();
    if (failure && effective) return this.keep(effective, failure);
    if (!failure || (await this.takeFile(failure)) || (await this.takeDefaults(failure))) return;
    throw failure;
  }

  /** What runs goes on running, if it is also what is required now. */
  private async keep(effective: EffectiveConfig, failure: unknown): Promise<void> {
    await this.take(await this.parts.accept(effective), this.source);
    this.report(failure);
  }

  /** Listens first: a change during the first reading is read again rather than missed. */
  private listen(): void {
    if (this.following) return;
    const { changes$, host } = this.parts;
    this.following = changes$.subscribe(() => this.renewSoon());
    host.health?.contribute('config', () => ({
      activity: { revision: this.effective?.revision ?? 0 },
      warning: this.problem,
    }));
    this.parts.tell().catch(() => undefined);
  }

  /** However many changes are announced meanwhile, one reading that has not begun yet sees them all. */
  private renewSoon(): void {
    if (this.isRenewalDue) return;
    this.isRenewalDue = true;
    void this.inTurn(() => this.renew());
  }

  private async renew(): Promise<void> {
    this.isRenewalDue = false;
    const failure = await this.takeStored();
    if (failure) this.report(failure);
  }

  /** Undefined when it runs with what is stored now. */
  private async takeStored(): Promise<unknown> {
    try {
      const stored = await this.parts.stored();
      if (!stored) return this.nothingStored();
      if (!this.isRunning(stored)) await this.take(await this.parts.accept(stored), 'redis');
      this.problem = undefined;
      return undefined;
    } catch (error) {
      return error;
    }
  }

  private isRunning(stored: TextOfVersion): boolean {
    const { effective, source } = this;
    if (source !== 'redis' || !effective) return false;
    return isSameConfig(effective, stored) && this.parts.requirements.areMetBy(effective.values);
  }

  private async takeFile(failure: unknown): Promise<boolean> {
    const { options } = this.parts.host;
    const path = options.config.fallbackFile;
    const found = path && (await readLastGood(path, options.service));
    if (!path || !found) return false;
    try {
      await this.take(await this.parts.accept(found), 'file');
    } catch (error) {
      this.logger.warn(`${path}: ${String(error)}`);
      return false;
    }
    this.report(failure);
    const what = `configuration ${found.version}@${found.revision} of ${found.savedOn}`;
    this.logger.warn(`running with ${what} from ${path} until a valid one is there`);
    return true;
  }

  private async takeDefaults(failure: unknown): Promise<boolean> {
    const { defaults } = this.parts.host.options.config;
    if (!isMissing(failure) || defaults === undefined) return false;
    const text = JSON.stringify(defaults);
    await this.take(await this.parts.accept({ version: DEFAULTS, revision: 0, text }), 'defaults');
    return true;
  }

  private async take(next: EffectiveConfig, source: ConfigStatus['source']): Promise<void> {
    const { presence } = this.parts.host;
    const { version, revision, text } = next;
    const before = this.effective;
    this.effective = next;
    this.source = source;
    this.problem = undefined;
    if (!before || !isSameConfig(before, next))
      this.logger.log(`configuration ${version}@${revision} (${source})`);
    // A slow registry must not hold back the values.
    if (source !== 'defaults') void presence?.update({ traits: { config: `${version}@${revision}` } });
    this.accepted.next(next);
    if (source === 'redis') await this.save({ version, revision, text });
  }

  private async save(stored: TextOfVersion): Promise<void> {
    const { service, config } = this.parts.host.options;
    if (config.fallbackFile === undefined) return;
    const document = { service, ...stored, savedOn: new Date().toISOString() };
    await saveLastGood(config.fallbackFile, document).catch((error: unknown) =>
      this.logger.warn(`the last good configuration could not be kept: ${String(error)}`),
    );
  }

  private nothingStored(): HydraError {
    const { service, version, config } = this.parts.host.options;
    const wanted = config.version ?? config.label ?? `a version that suits ${version}`;
    return notFound(service, wanted);
  }

  /** Said once for each reason: a refused document is met again at every look. */
  private report(error: unknown): void {
    // The defaults are for the time when nothing is stored: that is no trouble.
    if (this.source === 'defaults' && isMissing(error)) {
      this.problem = undefined;
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    if (text === this.problem || this.parts.host.redis.state === 'closed') return;
    this.problem = text;
    this.logger.warn(`${text}; ${this.effective ? 'the last good one stays' : 'waiting for a valid one'}`);
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof HydraError && failure.code === 'CONFIG_NOT_FOUND';
}
