import type { ServerResponse } from 'node:http';

import type { Clock, Timer } from '../../runtime/clock.js';
import type { Told } from '../collect/told.js';
import { SECURITY_HEADERS } from './headers.js';

/** A sign of life, so that either side sees when the other has gone. */
const BEAT_MS = 10_000;
/** Whoever may not see the page any more sees it for so long at most: then the page asks for another one, and is asked who it is. */
const LIFE_MS = 300_000;
/** For what was sent last to arrive: a reader that does not read never ends by itself. */
const LINGER_MS = 5_000;

/** One answer that never ends by itself: what happens, as server-sent events. A reader that is slow misses what is outdated. */
export class EventStream {
  /** What could not be sent yet: of each name all of it, and not the parts, of which there may be ever more. */
  private readonly waiting = new Map<string, readonly Told[]>();
  private readonly beat: Timer;
  private end: Timer;
  private readonly ended: (() => void)[] = [];

  constructor(
    private readonly response: ServerResponse,
    private readonly clock: Clock,
  ) {
    // What has ended must not hold up the end of the server.
    response.shouldKeepAlive = false;
    response.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // nginx would keep what comes until there is more of it.
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.beat = clock.setInterval(() => this.response.writableNeedDrain || this.write(': here\n\n'), BEAT_MS);
    this.end = clock.setTimeout(() => this.finish(), LIFE_MS);
    response.on('drain', () => this.flush());
    response.once('close', () => this.gone());
  }

  send(name: string, told: Told): void {
    if (!this.response.writableNeedDrain) return this.write(textOf(name, told));
    const { whole } = told;
    if (whole !== undefined) return void this.waiting.set(name, [{ json: whole, isPart: false }]);
    const [before] = this.waiting.get(name) ?? [];
    this.waiting.set(name, before && !before.isPart && told.isPart ? [before, told] : [told]);
  }

  /** Calls it when the reader has gone. */
  onEnd(act: () => void): void {
    if (this.response.destroyed) act();
    else this.ended.push(act);
  }

  /** Ends it, at once where the reader does not read. */
  close(): void {
    if (this.response.writableNeedDrain) this.response.destroy();
    else this.finish();
  }

  private flush(): void {
    const texts = [...this.waiting].flatMap(([name, all]) => all.map((told) => textOf(name, told)));
    this.waiting.clear();
    for (const text of texts) this.write(text);
  }

  private write(text: string): void {
    if (!this.response.destroyed && !this.response.writableEnded) this.response.write(text);
  }

  private finish(): void {
    this.response.end();
    this.leave();
    this.clock.clear(this.end);
    this.end = this.clock.setTimeout(() => this.response.destroy(), LINGER_MS);
  }

  private gone(): void {
    this.clock.clear(this.end);
    this.leave();
  }

  private leave(): void {
    this.clock.clear(this.beat);
    this.waiting.clear();
    for (const act of this.ended.splice(0)) act();
  }
}

function textOf(name: string, { json, isPart }: Told): string {
  return `event: ${isPart ? `part ${name}` : name}\ndata: ${json}\n\n`;
}
