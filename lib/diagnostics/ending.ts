import type { Channel } from 'node:diagnostics_channel';

import type { DiagnosticOutcome } from './events.js';

/** As its publisher sees it. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Fills in how it ended, and publishes that. */
export function publishEnd<Event extends DiagnosticOutcome>(
  channel: Channel<unknown, Event>,
  event: Event,
  durationMs: number,
  error?: unknown,
): void {
  const ended = event as Mutable<DiagnosticOutcome>;
  ended.durationMs = durationMs;
  ended.error = error;
  if (channel.hasSubscribers) channel.publish(event);
}

/** The publisher alone writes to an event; subscribers see its members as readonly. */
export function update<Event extends object>(event: Event, members: Partial<Event>): void {
  Object.assign(event as Mutable<Event>, members);
}

/** What durations are measured with: a clock. */
export interface Stopwatch {
  /** Milliseconds since some moment. */
  monotonic(): number;
}
