import { decodeConfigEntry, type ConfigAction, type ConfigEntry } from '../../protocol/config-entry.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { readConfig, removeConfig, surveyConfigs, writeConfig } from './config-scripts.js';

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
    await this.survey();
    const known = await this.run('list revisions', (redis) =>
      redis.hgetall(this.context.keys.configRevisions(this.options.service)),
    );
    return new Map(Object.entries(known).map(([version, text]) => [version, Number.parseInt(text, 10)]));
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
   * Gives foreign changes their revisions, and returns the number of all changes. With a pause, only one of many
   * processes does it.
   */
  survey(pauseMs = 0): Promise<string> {
    const args = [
      ...this.keyNames,
      this.context.keys.configSurvey(this.options.service),
      ...this.fixedArgs,
      pauseMs,
    ];
    return this.run('survey configurations', (redis) => surveyConfigs.run(redis, args));
  }

  /** Every change that is kept, newest first, foreign ones included. */
  async history(): Promise<ConfigEntry[]> {
    await this.survey();
    const wires = await this.run('read configuration history', (redis) =>
      redis.lrange(this.context.keys.configHistory(this.options.service), 0, -1),
    );
    return wires.map(decodeConfigEntry).filter((entry) => entry !== undefined);
  }

  /** The paths that readers of this service marked as secret. */
  secrets(): Promise<string[]> {
    return this.run('read secret paths', (redis) =>
      redis.smembers(this.context.keys.configSecrets(this.options.service)),
    );
  }

  /** Stores how many changes the history keeps, for all writers. */
  async keepHistory(): Promise<void> {
    await this.run('say how long the history is', (redis) =>
      redis.set(this.context.keys.configHistoryLimit(this.options.service), this.options.historyLimit),
    );
  }

  /** Stores secret paths, for everybody who shows these configurations. */
  async markSecrets(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    await this.run('mark secret paths', (redis) =>
      redis.sadd(this.context.keys.configSecrets(this.options.service), ...paths),
    );
  }

  /** Connects when it is first used, which may be before the application listens. */
  private run<T>(what: string, command: (redis: RedisClient) => Promise<T>): Promise<T> {
    const { redis } = this.context;
    if (redis.state === 'connecting') void redis.connect().catch(() => undefined);
    return redis.run(`${what} of "${this.options.service}"`, command);
  }
}
