import { Histogram, SIZE_BOUNDS } from './histogram.js';
import type { MetricFamily, MetricValue } from './metric-family.js';
import { SeriesTable } from './series-table.js';
import { workFamilies } from './work-families.js';

/** What a message is, for its size. */
export type MessageKind = 'call' | 'reply' | 'event' | 'job' | 'entry';

/** Reads the values of a gauge, or of a counter that is kept elsewhere, when it is asked. It must be quick, and do no I/O. */
export type ReadValues = () => Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>;

interface Reading {
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly read: ReadValues;
}

/**
 * All that one instance counts, in one place: what is read as Prometheus text, by OpenTelemetry, and as the topology, is
 * this. Counting is an addition; nothing is made for a piece of work.
 */
export class Metrics {
  /** Calls made, by the service that is called and the pattern. */
  readonly clientCalls = new SeriesTable(['callee', 'pattern']);
  /** Events and broadcasts sent. */
  readonly clientEvents = new SeriesTable(['callee', 'pattern']);
  /** Requests of the HTTP client, by service and method. */
  readonly clientRequests = new SeriesTable(['callee', 'method']);
  /** Calls and events handled, by what they are and the pattern. */
  readonly handled = new SeriesTable(['kind', 'pattern']);
  /** Of those, what came from processes that tell nobody of it themselves, by the service that sent it. */
  readonly foreignCalls = new SeriesTable(['caller', 'pattern']);
  /** Jobs added, by service and pattern. */
  readonly jobsAdded = new SeriesTable(['callee', 'pattern']);
  /** Attempts of jobs, by queue and pattern. */
  readonly jobRuns = new SeriesTable(['queue', 'pattern']);
  /** The same by the service that added the job. */
  readonly jobOrigins = new SeriesTable(['caller', 'pattern']);
  /** How long jobs waited for their first attempt. */
  readonly jobWaits = new SeriesTable(['queue', 'pattern']);
  /** Entries published, by stream and type. */
  readonly entriesPublished = new SeriesTable(['stream', 'type']);
  /** Entries handled, by stream and group. */
  readonly entryRuns = new SeriesTable(['stream', 'group']);

  private readonly sizes: Readonly<Record<MessageKind, Histogram>> = {
    call: new Histogram(SIZE_BOUNDS),
    reply: new Histogram(SIZE_BOUNDS),
    event: new Histogram(SIZE_BOUNDS),
    job: new Histogram(SIZE_BOUNDS),
    entry: new Histogram(SIZE_BOUNDS),
  };
  private readonly readings = new Map<string, Reading>();
  private readonly counts = new Map<string, Map<string, MetricValue>>();
  private frames = 0;
  private items = 0;

  /** @param common labels of every value */
  constructor(private readonly common: Readonly<Record<string, string>>) {
    this.counter(
      'hydra_frames_sent_total',
      'Messages that were published for calls and their answers.',
      () => [[{}, this.frames]],
    );
    const help = 'Calls, answers and events in them: divided by the messages, how many share one.';
    this.counter('hydra_items_sent_total', help, () => [[{}, this.items]]);
  }

  /** A message of so many items was published. */
  published(items: number): void {
    this.frames++;
    this.items += items;
  }

  /** A message of so many characters was encoded. */
  encoded(kind: MessageKind, length: number): void {
    this.sizes[kind].record(length);
  }

  /** Reads this gauge whenever it is asked; in place of an earlier one of that name. */
  gauge(name: string, help: string, read: ReadValues): void {
    this.readings.set(name, { kind: 'gauge', name, help, read });
  }

  /** Reads this counter whenever it is asked; in place of an earlier one of that name. */
  counter(name: string, help: string, read: ReadValues): void {
    this.readings.set(name, { kind: 'counter', name, help, read });
  }

  /** Counts what happens seldom. */
  count(name: string, help: string, labels: Readonly<Record<string, string>> = {}): void {
    let values = this.counts.get(name);
    if (!values) {
      const kept = new Map<string, MetricValue>();
      this.counts.set(name, (values = kept));
      this.counter(name, help, () => [...kept.values()].map((one) => [one.labels, one.value] as const));
    }
    const key = JSON.stringify(labels);
    values.set(key, { labels, value: (values.get(key)?.value ?? 0) + 1 });
  }

  /** Everything, as it is now. */
  collect(): MetricFamily[] {
    const { common } = this;
    return [
      ...workFamilies(this.clientCalls, NAMES.clientCalls, common),
      ...workFamilies(this.clientEvents, NAMES.clientEvents, common),
      ...workFamilies(this.clientRequests, NAMES.clientRequests, common),
      ...workFamilies(this.handled, NAMES.handled, common),
      ...workFamilies(this.jobsAdded, NAMES.jobsAdded, common),
      ...workFamilies(this.jobRuns, NAMES.jobRuns, common),
      ...workFamilies(this.jobWaits, NAMES.jobWaits, common).slice(0, 1),
      ...workFamilies(this.entriesPublished, NAMES.entriesPublished, common),
      ...workFamilies(this.entryRuns, NAMES.entryRuns, common),
      this.sizeFamily(),
      ...[...this.readings.values()].map((reading) => this.read(reading)),
    ];
  }

  private read({ kind, name, help, read }: Reading): MetricFamily {
    const values = [...read()].map(([labels, value]) => ({ labels: { ...this.common, ...labels }, value }));
    return { kind, name, help, values };
  }

  private sizeFamily(): MetricFamily {
    const used = Object.entries(this.sizes).filter(([, { sum }]) => sum > 0);
    return {
      kind: 'histogram',
      name: 'hydra_message_size_characters',
      help: 'How long the JSON of what this process sent was.',
      bounds: SIZE_BOUNDS,
      values: used.map(([kind, { counts, sum }]) => ({
        labels: { ...this.common, kind },
        counts: Array.from(counts),
        sum,
      })),
    };
  }
}

const NAMES = {
  clientCalls: { name: 'hydra_client_call', what: 'calls of this process', isRetried: true },
  clientEvents: { name: 'hydra_client_event', what: 'sendings of events' },
  clientRequests: {
    name: 'hydra_client_http',
    what: 'requests of this process, to the head of their answer,',
  },
  handled: { name: 'hydra_server_call', what: 'calls and events that this process handled' },
  jobsAdded: { name: 'hydra_job_add', what: 'additions of jobs' },
  jobRuns: { name: 'hydra_job_run', what: 'attempts of jobs', isRetried: true },
  jobWaits: { name: 'hydra_job_wait', what: 'waits of jobs for their first attempt' },
  entriesPublished: { name: 'hydra_entry_publish', what: 'publications of entries' },
  entryRuns: { name: 'hydra_entry_run', what: 'deliveries of entries', isRetried: true },
} as const;
