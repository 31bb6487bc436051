import type { Asked } from '../../doctor/evidence/asked.js';
import { createRedaction } from '../../logging/log-redaction.js';
import { SECRET_NAMES } from '../../options/secret-names.js';
import { decodeLogEntry } from '../../protocol/records.js';
import { newLogLines } from '../../registry/log-scripts.js';
import type { Reading } from '../collect/collector.js';
import { listedServices, lookAt, servicesIn, unreadIn, type LookedAt } from './look.js';
import type { Place } from './place.js';

/** One line of a log, as the page shows it. */
export interface LogLine {
  readonly at: string;
  readonly service: string;
  readonly instance: string;
  readonly level: string;
  readonly text: string;
  readonly context: string | undefined;
  readonly stack: string | undefined;
  readonly trace: string | undefined;
}

/** Whose log is followed: of all where nothing is said. */
export interface LogSources {
  readonly service?: string | undefined;
  readonly instance?: string | undefined;
}

interface NewLines {
  readonly lines: readonly LogLine[];
  /** The newest line of each log that has new ones. */
  readonly heads: readonly (readonly [log: string, head: string])[];
}

/** Lines that are kept for whoever comes next. */
const KEPT = 1_000;
/** The first time, of all together and of each; some of each in any case. */
const FIRST_OF_ALL = 2_000;
const FIRST_OF_EACH = 200;
const FEWEST_OF_EACH = 10;
/** Logs that one command reads, so that Redis answers others in between. */
const LOGS_A_COMMAND = 250;
const NEW_OF_EACH = 500;
/** Instances join and leave more rarely than lines are written. */
const LOOKED_UP_EVERY = 5;

const NO_STACK = { stack: undefined, trace: undefined };

const redact = createRedaction(SECRET_NAMES);

/** Follows the logs of instances, by one command a look. */
export class LogTail {
  private readonly heads = new Map<string, string>();
  private lines: readonly LogLine[] = [];
  private sources: readonly (readonly [service: string, id: string])[] = [];
  /** Those that succeeded: after one that failed, instances are looked up again. */
  private looks = 0;
  /** Services whose instances could not be read, with the reason in words, and which of them were told. */
  private refused: readonly (readonly [service: string, text: string])[] = [];
  private readonly told = new Set<string>();

  constructor(
    private readonly place: Place,
    private readonly of: LogSources,
  ) {}

  async read(asked: Asked): Promise<Reading> {
    if (this.looks % LOOKED_UP_EVERY === 0) this.follow(await this.lookUp(asked));
    const batches = this.batches();
    const read = await Promise.all(batches.map((batch) => this.newLines(asked, batch)));
    this.looks++;
    // Not before all of them are read: lines that nobody is told come again.
    for (const [log, head] of read.flatMap(({ heads }) => heads)) this.heads.set(log, head);
    const added = [...read.flatMap(({ lines }) => lines), ...this.refusals()].toSorted((a, b) =>
      a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
    );
    if (added.length > 0) this.lines = [...this.lines, ...added].slice(-KEPT);
    return { value: this.lines, added: added.length > 0 ? added : null };
  }

  /** Those that have gone are forgotten. */
  private follow(sources: typeof this.sources): void {
    this.sources = sources;
    const logs = new Set(sources.map(([service, id]) => this.place.instance.keys.healthLog(service, id)));
    for (const log of this.heads.keys()) if (!logs.has(log)) this.heads.delete(log);
  }

  private async lookUp(asked: Asked): Promise<typeof this.sources> {
    const { service, instance: id } = this.of;
    if (service !== undefined && id !== undefined) return [[service, id]];
    const { instance } = this.place;
    const names = service === undefined ? await listedServices(instance, asked) : [service];
    const seen = await lookAt(instance, asked, { services: names });
    const looked = servicesIn(names, seen);
    const refused = looked.filter(({ unread }) => unread.registry !== undefined);
    const reasons = [...unreadIn(looked, 'registry', 'registry'), ...seen.missed.service];
    const sources = looked.flatMap(({ name, instances }) =>
      instances.map(({ node }) => [name, node.id] as const),
    );
    if (sources.length === 0 && refused.length > 0) throw new Error(reasons[0]);
    this.refused = refused.map((one) => [one.name, reasonOf(one)]);
    return sources;
  }

  /** Once for each service, among the lines of the others. */
  private refusals(): LogLine[] {
    const fresh = this.refused.filter(([service]) => !this.told.has(service));
    const at = new Date(this.place.instance.clock.now()).toISOString();
    return fresh.map(([service, text]) => {
      this.told.add(service);
      return { at, service, instance: '', level: 'warn', text, context: 'dashboard', ...NO_STACK };
    });
  }

  /** Those whose logs one command may read. */
  private batches(): (typeof this.sources)[] {
    if (!this.place.instance.redis.isSharded) return inParts(this.sources);
    const names = new Set(this.sources.map(([service]) => service));
    return [...names].flatMap((name) => inParts(this.sources.filter(([service]) => service === name)));
  }

  private get firstOfEach(): number {
    const share = Math.ceil(FIRST_OF_ALL / this.sources.length);
    return Math.min(FIRST_OF_EACH, Math.max(FEWEST_OF_EACH, share));
  }

  private async newLines(asked: Asked, batch: typeof this.sources): Promise<NewLines> {
    const { keys, redis } = this.place.instance;
    const logs = batch.map(([service, id]) => keys.healthLog(service, id));
    const known = logs.map((log) => this.heads.get(log) ?? '');
    const isFirst = this.looks === 0;
    const most = isFirst ? this.firstOfEach : NEW_OF_EACH;
    // The first time, Redis is given the text of the script.
    const read = () => newLogLines.run(redis.commands, [...logs, most, ...known], logs.length);
    const fresh = await asked.ask('read logs', read, isFirst ? 2 : 1);
    const lines = fresh.flatMap((texts, index) => {
      const [service, id] = batch[index]!;
      return texts.toReversed().flatMap((text) => lineOf(text, service, id) ?? []);
    });
    return { lines, heads: fresh.flatMap(([head], index) => (head ? [[logs[index]!, head] as const] : [])) };
  }
}

function reasonOf(one: LookedAt): string {
  return unreadIn([one], 'registry', 'registry')[0] ?? `the registry of ${one.name}: ${one.unread.registry}`;
}

function inParts<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / LOGS_A_COMMAND) }, (_, part) =>
    all.slice(part * LOGS_A_COMMAND, (part + 1) * LOGS_A_COMMAND),
  );
}

function lineOf(text: string, service: string, instance: string): LogLine | undefined {
  const entry = decodeLogEntry(text);
  if (!entry) return undefined;
  const { timestamp: at, level, message, context, stack, traceId: trace } = entry;
  return { at, service, instance, level, text: shown(message), context, stack: stack && shown(stack), trace };
}

function shown(message: unknown): string {
  const safe = redact(message);
  return typeof safe === 'string' ? safe : (JSON.stringify(safe) ?? '');
}
