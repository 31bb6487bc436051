import { Asked } from '../../doctor/evidence/asked.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { Told } from './told.js';

/** What one look has given. */
export interface Reading {
  readonly value: unknown;
  /** What is new in it, where viewers are told that alone; null where nothing is. */
  readonly added?: unknown;
}

/** Something that is looked at again and again while somebody watches it. */
export interface Topic {
  readonly everyMs: number;
  /** What it asks of Redis is counted there, also where it fails. */
  readonly read: (asked: Asked) => Promise<Reading>;
}

type Viewer = (news: Told) => void;

/** Commands in a second, of all that is watched together. */
const MAX_COMMANDS_PER_S = 12;
const SECOND_MS = 1_000;

interface Watched {
  readonly topic: Topic;
  readonly viewers: Set<Viewer>;
  latest: string | undefined;
  /** The last look failed, and the viewers were told so. */
  hasFailed: boolean;
  timer: Timer | undefined;
}

/**
 * Looks at what is watched, once for all who watch it, and tells them what has changed. What nobody watches costs nothing; what
 * costs many commands is looked at less often.
 */
export class Collector {
  private readonly watched = new Map<string, Watched>();

  constructor(private readonly clock: Clock) {}

  /** Tells what is known and what changes, until the returned function is called. */
  watch(name: string, topic: Topic, viewer: Viewer): () => void {
    let known = this.watched.get(name);
    if (!known) {
      known = { topic, viewers: new Set(), latest: undefined, hasFailed: false, timer: undefined };
      this.watched.set(name, known);
      void this.look(known);
    }
    known.viewers.add(viewer);
    if (known.latest !== undefined) viewer({ json: known.latest, isPart: false });
    return () => this.leave(name, known, viewer);
  }

  /** How many things are watched. */
  get size(): number {
    return this.watched.size;
  }

  close(): void {
    for (const { timer, viewers } of this.watched.values()) {
      viewers.clear();
      this.clock.clear(timer);
    }
    this.watched.clear();
  }

  private leave(name: string, known: Watched, viewer: Viewer): void {
    known.viewers.delete(viewer);
    if (known.viewers.size > 0 || this.watched.get(name) !== known) return;
    this.clock.clear(known.timer);
    this.watched.delete(name);
  }

  /** Never rejects: what cannot be read is told. */
  private async look(known: Watched): Promise<void> {
    const asked = new Asked(this.clock);
    try {
      tell(known, await known.topic.read(asked));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      known.hasFailed = true;
      send(known, JSON.stringify({ problem }), true);
    }
    if (known.viewers.size === 0) return;
    const paceMs = (asked.commands * this.watched.size * SECOND_MS) / MAX_COMMANDS_PER_S;
    known.timer = this.clock.setTimeout(() => void this.look(known), Math.max(known.topic.everyMs, paceMs));
  }
}

function tell(known: Watched, { value, added }: Reading): void {
  // Where nothing is new, nothing is written as JSON to be compared.
  if (added === null && known.latest !== undefined && !known.hasFailed) return;
  const json = JSON.stringify({ value });
  if (json === known.latest && !known.hasFailed) return;
  const isWhole = added === undefined || known.latest === undefined || known.hasFailed;
  known.latest = json;
  known.hasFailed = false;
  if (isWhole) send(known, json, false);
  else if (added !== null) send(known, JSON.stringify({ value: added }), true, json);
}

function send({ viewers }: Watched, json: string, isPart: boolean, whole?: string): void {
  for (const viewer of viewers) viewer({ json, isPart, whole: isPart ? whole : json });
}
