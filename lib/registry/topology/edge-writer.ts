import type { Metrics } from '../../metrics/metrics.js';
import type { SeriesTable } from '../../metrics/series-table.js';
import { encodeEdges, type EdgeKind, type EdgeRecord } from '../../protocol/edges.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';

/** How long the edges of an instance are kept that says no more. They are read of living ones only. */
const LIFE_MS = 3_600_000;
/** Before that they are written again, although nothing has happened. */
const REFRESH_MS = LIFE_MS / 2;

type Direction = EdgeRecord['direction'];

/** The name of a stream among services. */
export const streamNode = (stream: string) => `stream:${stream}`;

/** Writes what this instance has to do with others, each time that something has happened since it was written last. */
export class EdgeWriter {
  private written = '';
  private writtenAt = -Infinity;
  private lookedAt: number;
  private before = new Map<string, number>();

  constructor(private readonly context: Pick<Context, 'id' | 'keys' | 'options' | 'clock' | 'metrics'>) {
    this.lookedAt = context.clock.monotonic();
  }

  /** What has to be written now; undefined where nothing has. */
  due(): string | undefined {
    const { metrics, clock } = this.context;
    if (!metrics) return undefined;
    const now = clock.monotonic();
    const windowMs = now - this.lookedAt;
    this.lookedAt = now;
    const edges = this.edgesOf(metrics);
    if (edges.length === 0) return undefined;
    // Only what was counted tells that something has happened; the length of the time never is the same.
    const told = JSON.stringify(edges);
    if (told === this.written && now - this.writtenAt < REFRESH_MS) return undefined;
    this.written = told;
    this.writtenAt = now;
    return encodeEdges({ windowMs, edges });
  }

  async write(client: RedisClient, text: string): Promise<void> {
    const { keys, options, id } = this.context;
    await client.set(keys.edges(options.service, id), text, 'PX', LIFE_MS);
  }

  /** What was due has not reached Redis. */
  failed(): void {
    this.written = '';
  }

  private edgesOf(metrics: Metrics): EdgeRecord[] {
    return [
      ...this.rows('call', 'out', metrics.clientCalls),
      ...this.rows('event', 'out', metrics.clientEvents),
      ...this.rows('http', 'out', metrics.clientRequests),
      ...this.rows('job', 'out', metrics.jobsAdded),
      ...this.rows('entry', 'out', metrics.entriesPublished, streamNode),
      ...this.rows('call', 'in', metrics.foreignCalls),
      ...this.rows('job', 'in', metrics.jobOrigins),
      ...this.rows('entry', 'in', metrics.entryRuns, streamNode),
    ];
  }

  private rows(
    kind: EdgeKind,
    direction: Direction,
    table: SeriesTable,
    nodeOf: (name: string) => string = (name) => name,
  ): EdgeRecord[] {
    return [...table].map(({ labels: [name = '', pattern = ''], durations, errors }) => {
      const counts = Array.from(durations.counts);
      const count = durations.count;
      const key = `${kind} ${direction} ${name} ${pattern}`;
      const recent = count - (this.before.get(key) ?? 0);
      this.before.set(key, count);
      const other = nodeOf(name);
      return { kind, direction, other, pattern, count, errors: Object.fromEntries(errors), counts, recent };
    });
  }
}
