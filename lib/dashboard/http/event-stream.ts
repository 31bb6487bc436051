import type { ServerResponse } from 'node:http';

import type { Clock, Timer } from '../../runtime/clock.js';
import { SECURITY_HEADERS } from './headers.js';

/** A sign of life, so that either side sees when the other has gone. */
const BEAT_MS = 10_000;
/** Whoever may not see the page any more sees it for so long at most: then the page asks for another one, and is asked who it is. */
const LIFE_MS = 300_000;

/** One answer that never ends by itself: what happens, as server-sent events. A reader that is slow misses what is outdated. */
export class EventStream {
  /** What could not be sent yet: the last text of each name. */
  private readonly waiting = new Map<string, string[]>();
  private readonly beat: Timer;
  private readonly end: Timer;
  private readonly ended: (() => void)[] = [];

  constructor(
    private readonly response: ServerResponse,
    private readonly clock: Clock,
  ) {
    response.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // nginx would keep what comes until there is more of it.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.beat = clock.setInterval(() => this.write(': here\n\n'), BEAT_MS);
    this.end = clock.setTimeout(() => response.end(), LIFE_MS);
    response.on('drain', () => this.flush());
    response.once('close', () => this.close());
  }

  /** @param isPart whether it adds to what was sent under this name before, and does not take its place */
  send(name: string, json: string, isPart = false): void {
    const text = `event: ${name}\ndata: ${json}\n\n`;
    if (!this.response.writableNeedDrain) return this.write(text);
    this.waiting.set(name, [...(isPart ? (this.waiting.get(name) ?? []) : []), text]);
  }

  /** Calls it when the reader has gone. */
  onEnd(act: () => void): void {
    if (this.response.destroyed) act();
    else this.ended.push(act);
  }

  private flush(): void {
    const texts = [...this.waiting.values()].flat();
    this.waiting.clear();
    for (const text of texts) this.write(text);
  }

  private write(text: string): void {
    if (!this.response.destroyed && !this.response.writableEnded) this.response.write(text);
  }

  private close(): void {
    this.clock.clear(this.beat);
    this.clock.clear(this.end);
    this.waiting.clear();
    for (const act of this.ended.splice(0)) act();
  }
}
