import { setTimeout as sleep } from 'node:timers/promises';

import { compareIds } from '../../protocol/stream-id.js';
import type { ConsumerGroup } from '../group/consumer-group.js';
import type { Entry } from './entry.js';
import { Place } from '../group/consumer-config.js';

const MIN_WAIT_MS = 2;
const MAX_WAIT_MS = 100;
/** As many as one script lines up without keeping Redis from others for long. */
const AT_ONCE = 200;

/**
 * Finds out whose turn has come. Those behind others of their key wait in Redis, with nobody. An entry waits here only
 * until the keys of all that were read before it are said: where another reader has not done so, this one does.
 */
export class LineUp {
  /** How many stood in line in the whole group, when last heard. */
  inLine = 0;
  private entries: Entry[] = [];
  private asked: readonly Entry[] = [];
  /** Those that have to be asked for once more. */
  private again: Entry[] = [];
  private working: Promise<void> | undefined;

  constructor(
    private readonly group: ConsumerGroup,
    private readonly keyOf: (entry: Entry) => string,
    private readonly turnOf: (entries: readonly Entry[]) => void,
    /** Looks for entries of this instance that it does not know of: they may be the earlier ones. */
    private readonly lookForLost: () => Promise<void>,
  ) {}

  get waiting(): readonly Entry[] {
    return [...this.asked, ...this.again, ...this.entries];
  }

  has(id: string): boolean {
    return this.waiting.some((entry) => entry.id === id);
  }

  /** Resolves when each entry has its turn or its place. */
  join(entries: readonly Entry[]): Promise<void> {
    this.entries.push(...entries.filter(({ id }) => !this.has(id)));
    this.working ??= this.work().finally(() => (this.working = undefined));
    return this.working;
  }

  private async work(): Promise<void> {
    for (let waitMs = MIN_WAIT_MS; this.entries.length > 0; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      // Mostly the other reader says its keys in a moment.
      await this.askAll(waitMs > MIN_WAIT_MS);
      if (this.entries.length === 0) return;
      if (waitMs === MAX_WAIT_MS) await this.lookForLost();
      await sleep(waitMs);
    }
  }

  private async askAll(forOthersToo: boolean): Promise<void> {
    this.entries.sort((a, b) => compareIds(a.id, b.id));
    try {
      while (this.entries.length > 0) await this.ask(this.entries.splice(0, AT_ONCE), forOthersToo);
    } finally {
      this.entries.push(...this.again.splice(0));
    }
  }

  private async ask(entries: readonly Entry[], forOthersToo: boolean): Promise<void> {
    this.asked = entries;
    try {
      const others = await this.say(this.asked, forOthersToo);
      if (others.length > 0) await this.say([...this.asked, ...others], false);
    } finally {
      this.again.push(...this.asked);
      this.asked = [];
    }
  }

  /** Says keys; what need not be asked again leaves the list. Returns whose keys must be said as well. */
  private async say(given: readonly Entry[], tellOthers: boolean): Promise<readonly Entry[]> {
    const entries = given.toSorted((a, b) => compareIds(a.id, b.id));
    const { places, inLine, others } = await this.group.lineUp(entries, tellOthers);
    this.inLine = inLine;
    for (const other of others) other.key = this.keyOf(other);
    const ours = (place: number) =>
      entries.filter((entry, at) => places[at] === place && entry.owner === undefined);
    this.asked = ours(Place.askAgain);
    this.turnOf(ours(Place.turn));
    return others;
  }
}
