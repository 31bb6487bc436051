import { decodeConfigEntry, type ConfigAction, type ConfigEntry } from '../../protocol/config-entry.js';
import { allowedCommands, type CommandWords } from '../../redis/allowed.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import {
  lookAtConfigs,
  readConfig,
  readPending,
  removeConfig,
  surveyConfigs,
  writeConfig,
} from './config-scripts.js';

/** Rights may be given or taken meanwhile: they are asked for again after so many surveys. */
const ASK_EVERY_SURVEYS = 60;
/** What is hashed for a look makes the next one wait, so that Redis spends its time on other things. */
const BYTES_PER_MS = 2_000;

export interface StoredText {
  readonly revision: number;
  /** Undefined when the version is not stored; the revision is then 0. */
  readonly text: string | undefined;
}

export interface StoredConfigsOptions {
  readonly service: string;
  /** Changes that the history keeps, where the service itself has not said how many. */
  readonly historyLimit: number;
  /** Largest document that the history keeps, in bytes. */
  readonly maxBytes: number;
}

/** What is written, and the name of the change in the history. */
export interface Change {
  readonly version: string;
  readonly text: string;
  readonly action: ConfigAction;
}

/** Who makes a change and why, and the revision that is expected before it. */
export interface Audit {
  readonly by: string;
  readonly why: string;
  readonly expect: number | undefined;
}

/** The configurations of one service as they are in Redis: texts, revisions, history. */
export class StoredConfigs {
  readonly channel: string;
  private readonly keyNames: readonly string[];
  private readonly fixedArgs: readonly (string | number)[];
  private surveys = 0;
  private records = true;
  private hashedBytes = 0;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'keys'>,
    private readonly options: StoredConfigsOptions,
  ) {
    const { keys } = context;
    const { service, historyLimit, maxBytes } = options;
    this.channel = keys.configAnnouncements(service);
    this.keyNames = [
      keys.configs(service),
      keys.configRevisions(service),
      keys.configCounter(service),
      keys.configHistory(service),
      keys.configHistoryLimit(service),
    ];
    this.fixedArgs = [this.channel, historyLimit, maxBytes];
  }

  /** Every stored version, in no order. */
  versions(): Promise<string[]> {
    return this.run('list configurations', (redis) =>
      redis.hkeys(this.context.keys.configs(this.options.service)),
    );
  }

  /** Every stored version with its revision, foreign changes included. */
  async revisions(): Promise<ReadonlyMap<string, number>> {
    const pending = await this.pending();
    const known = await this.run('list revisions', (redis) =>
      redis.hgetall(this.context.keys.configRevisions(this.options.service)),
    );
    const revisions = new Map(
      Object.entries(known).map(([version, text]) => [version, Number.parseInt(text, 10)]),
    );
    for (const { action, version, revision } of pending) {
      if (action === 'remove') revisions.delete(version);
      else revisions.set(version, revision);
    }
    return revisions;
  }

  async read(version: string): Promise<StoredText> {
    const args = [...this.keyNames, ...this.fixedArgs, version];
    const [revision, text] = await this.run('read configuration', (redis) => readConfig.run(redis, args));
    return { revision, text: text ?? undefined };
  }

  /** True when it was written. The revision is the new one, or the present one if that was not the expected one. */
  async write(
    { version, text, action }: Change,
    { by, why, expect }: Audit,
  ): Promise<readonly [written: boolean, revision: number]> {
    const args = [...this.keyNames, ...this.fixedArgs, version, text, expect ?? '', by, why, action];
    const [written, revision] = await this.run('write configuration', (redis) =>
      writeConfig.run(redis, args),
    );
    return [written === 1, revision];
  }

  /** True when it was removed. Otherwise the revision is the present one, 0 for none. */
  async remove(
    version: string,
    { by, why, expect }: Audit,
  ): Promise<readonly [removed: boolean, revision: number]> {
    const args = [...this.keyNames, ...this.fixedArgs, version, expect ?? '', by, why];
    const [removed, revision] = await this.run('remove configuration', (redis) =>
      removeConfig.run(redis, args),
    );
    return [removed === 1, revision];
  }

  /**
   * Looks whether anything has changed: resolves with a text that is another one after each change. Where this user may,
   * foreign changes are given their revisions; of many who ask within a pause, one does so. Who may only read, looks.
   */
  async survey(pauseMs: number): Promise<string> {
    if (!(await this.mayRecord())) return this.look();
    const args = [
      ...this.keyNames,
      this.context.keys.configSurvey(this.options.service),
      ...this.fixedArgs,
      pauseMs,
    ];
    return this.run('survey configurations', (redis) => surveyConfigs.run(redis, args));
  }

  /** How long the next look should wait at least, in milliseconds: the larger what is hashed for it, the longer. */
  get restMs(): number {
    return this.hashedBytes / BYTES_PER_MS;
  }

  /** Every change that is kept, newest first, foreign ones included. */
  async history(): Promise<ConfigEntry[]> {
    const pending = await this.pending();
    const wires = await this.run('read configuration history', (redis) =>
      redis.lrange(this.context.keys.configHistory(this.options.service), 0, -1),
    );
    const kept = decodeAll(wires);
    const newest = kept[0]?.revision ?? 0;
    const entries = [...pending.filter(({ revision }) => revision > newest).toReversed(), ...kept];
    // As many as are kept once the foreign ones are recorded.
    return entries.slice(0, Math.max(kept.length, this.options.historyLimit));
  }

  /** What other programs changed and nobody has recorded yet, oldest first. */
  private async pending(): Promise<ConfigEntry[]> {
    const args = [...this.keyNames, ...this.fixedArgs];
    return decodeAll(await this.run('read foreign changes', (redis) => readPending.run(redis, args)));
  }

  private async look(): Promise<string> {
    const args = [...this.keyNames, ...this.fixedArgs];
    const [state, hashed] = await this.run('look at configurations', (redis) =>
      lookAtConfigs.run(redis, args),
    );
    this.hashedBytes = hashed;
    return state;
  }

  private async mayRecord(): Promise<boolean> {
    if (this.surveys++ % ASK_EVERY_SURVEYS !== 0) return this.records;
    const { keys } = this.context;
    const { service } = this.options;
    const [configs, revisions, counter, history, limit] = this.keyNames as unknown as readonly [
      string,
      string,
      string,
      string,
      string,
    ];
    const survey = keys.configSurvey(service);
    const wanted: CommandWords[] = [
      ['EVALSHA', 'survey', '6', configs, revisions, counter, history, limit, survey],
      ['SET', survey, '1', 'NX', 'PX', '1'],
      ['LPUSH', history, 'a'],
      ['HSET', revisions, 'a', 'b'],
      ['INCR', counter],
      ['PUBLISH', this.channel, 'a'],
    ];
    const may = await this.run('ask for rights', (redis) => allowedCommands(redis, wanted));
    this.records = may.every(Boolean);
    return this.records;
  }

  /** The paths that readers of this service marked as secret. */
  secrets(): Promise<string[]> {
    return this.run('read secret paths', (redis) =>
      redis.smembers(this.context.keys.configSecrets(this.options.service)),
    );
  }

  /** Tells whoever writes this service's configurations how many changes its history keeps; who may only read, nothing. */
  async keepHistory(): Promise<void> {
    const limit = this.context.keys.configHistoryLimit(this.options.service);
    if (!(await this.may(['SET', limit, '1']))) return;
    await this.run('say how long the history is', (redis) => redis.set(limit, this.options.historyLimit));
  }

  /** Stores secret paths, for everybody who shows these configurations. */
  async markSecrets(paths: readonly string[]): Promise<void> {
    const secrets = this.context.keys.configSecrets(this.options.service);
    if (paths.length === 0 || !(await this.may(['SADD', secrets, 'a']))) return;
    await this.run('mark secret paths', (redis) => redis.sadd(secrets, ...paths));
  }

  private async may(command: CommandWords): Promise<boolean> {
    const [isAllowed] = await this.run('ask for rights', (redis) => allowedCommands(redis, [command]));
    return isAllowed === true;
  }

  /** Connects when it is first used, which may be before the application listens. */
  private run<T>(what: string, command: (redis: RedisClient) => Promise<T>): Promise<T> {
    const { redis } = this.context;
    if (redis.state === 'connecting') void redis.connect().catch(() => undefined);
    return redis.run(`${what} of "${this.options.service}"`, command);
  }
}

function decodeAll(wires: readonly string[]): ConfigEntry[] {
  return wires.map(decodeConfigEntry).filter((entry) => entry !== undefined);
}
