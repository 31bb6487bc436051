import { Observable } from 'rxjs';

import {
  refuseUnknown,
  serviceName,
  type Instance,
  type NamesOf,
  type OptionNames,
} from '../hydra-options.js';
import { decodeLogEntry, type LogEntry } from '../protocol/records.js';
import type { Context } from '../redis/context.js';
import type { Timer } from '../runtime/clock.js';

const FOLLOW_INTERVAL_MS = 250;

/** One line of a service's logs, and the instance that wrote it. @publicApi */
export interface InstanceLogEntry extends LogEntry {
  /** Id of the instance. */
  readonly instance: string;
}

/** One instance of a service. It need not be alive: a log outlives its instance by a week. @publicApi */
export interface LogSource {
  /** Name of the service. */
  readonly service: string;
  /** Id of the instance. */
  readonly instance: string;
}

/**
 * Which entries to read.
 *
 * @publicApi
 */
export interface LogOptions {
  /** How many entries at most; the newest ones. @defaultValue all that are kept: `logging.maxEntries` an instance */
  readonly limit?: number;
  /** Only entries of this level: `error`, `info`, … or of one of these. @defaultValue all */
  readonly level?: string | readonly string[];
  /** Only entries that were logged in this trace. */
  readonly trace?: string;
  /** Only entries written at this time or later, by their writers' clocks. */
  readonly since?: Date;
}

const LOG_NAMES = { limit: true, level: true, trace: true, since: true } satisfies NamesOf<LogOptions>;
const FOLLOW_NAMES = { limit: true, level: true } satisfies OptionNames;

/** Reads the bounded logs that instances keep in Redis, and merges them. */
export class InstanceLogs {
  constructor(
    private readonly context: Pick<Context, 'redis' | 'keys' | 'clock'>,
    private readonly instancesOf: (service: string) => Promise<readonly Instance[]>,
  ) {}

  async read(of: string | LogSource, options: LogOptions): Promise<readonly InstanceLogEntry[]> {
    refuseUnknown('logs', options, LOG_NAMES);
    const sources = await this.sourcesOf(of);
    const lists = await this.readLists(sources);
    const since = options.since?.toISOString() ?? '';
    const entries = lists
      .flatMap((texts, index) => decode(texts, sources[index]!))
      .filter((entry) => isWanted(entry, options.level) && entry.timestamp >= since)
      .filter(({ traceId }) => options.trace === undefined || traceId === options.trace)
      .toSorted(byTime);
    return options.limit === undefined ? entries : newest(entries, options.limit);
  }

  follow(of: string | LogSource, options: Pick<LogOptions, 'level' | 'limit'>): Observable<InstanceLogEntry> {
    refuseUnknown('follow', options, FOLLOW_NAMES);
    const { level, limit = 0 } = options;
    return new Observable((observer) => {
      const known = new Map<string, readonly string[]>();
      let isFirst = true;
      const look = async () => {
        const sources = await this.sourcesOf(of);
        const lists = await this.readLists(sources);
        const present = new Set(sources.map(({ instance }) => instance));
        for (const instance of known.keys()) if (!present.has(instance)) known.delete(instance);
        const fresh = lists.flatMap((texts, index) => {
          const source = sources[index]!;
          const before = known.get(source.instance);
          known.set(source.instance, texts);
          return decode(newEntries(before ?? [], texts), source);
        });
        const wanted = fresh.filter((entry) => isWanted(entry, level)).toSorted(byTime);
        // Older entries are emitted only up to the limit.
        for (const entry of isFirst ? newest(wanted, limit) : wanted) observer.next(entry);
        isFirst = false;
      };
      const { clock, redis } = this.context;
      let timer: Timer | undefined;
      const again = () => {
        if (observer.closed) return;
        if (redis.state === 'closed') return observer.complete();
        // After a failed read, the next one brings the missing entries.
        void look()
          .catch(() => undefined)
          .finally(() => (timer = clock.setTimeout(again, FOLLOW_INTERVAL_MS)));
      };
      again();
      return () => clock.clear(timer);
    });
  }

  private async sourcesOf(of: string | LogSource): Promise<readonly LogSource[]> {
    const service = serviceName(typeof of === 'string' ? of : of.service);
    if (typeof of !== 'string') return [{ service, instance: of.instance }];
    return (await this.instancesOf(service)).map(({ id }) => ({ service, instance: id }));
  }

  private readLists(sources: readonly LogSource[]): Promise<string[][]> {
    const { redis, keys } = this.context;
    return redis.run('read logs', (client) =>
      Promise.all(
        sources.map(({ service, instance }) => client.lrange(keys.healthLog(service, instance), 0, -1)),
      ),
    );
  }
}

/** The new entries at the head of a list, newest first. */
export function newEntries(before: readonly string[], now: readonly string[]): readonly string[] {
  for (let added = 0; added < now.length; added++) {
    const rest = now.slice(added);
    // The oldest may have fallen off the end.
    if (before.length > 0 && rest.every((text, index) => text === before[index])) return now.slice(0, added);
  }
  return now;
}

function decode(texts: readonly string[], { instance }: LogSource): InstanceLogEntry[] {
  // Oldest first, so that lines of one millisecond stay in order.
  return texts.toReversed().flatMap((text) => {
    const entry = decodeLogEntry(text);
    return entry ? [{ ...entry, instance }] : [];
  });
}

function isWanted({ level }: LogEntry, wanted: string | readonly string[] | undefined): boolean {
  return wanted === undefined || (typeof wanted === 'string' ? level === wanted : wanted.includes(level));
}

function newest<T>(entries: readonly T[], limit: number): readonly T[] {
  return limit > 0 ? entries.slice(-limit) : [];
}

function byTime(a: LogEntry, b: LogEntry): number {
  return a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0;
}
