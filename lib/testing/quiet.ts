/** Ticks of the event loop without anything new, after which nothing is under way. */
const QUIET_TICKS = 4;

// Fake timers may replace the global one later.
const nextTick = setImmediate;

/** Waits until what was begun in this process has come to rest: bytes between connections, callbacks, promises. */
export class Quiet {
  private touches = 0;

  /** Something has happened from which more may follow. */
  touch(): void {
    this.touches++;
  }

  async settled(): Promise<void> {
    let seen = this.touches;
    for (let quietTicks = 0; quietTicks < QUIET_TICKS; quietTicks++) {
      await new Promise<void>((resolve) => {
        nextTick(resolve);
      });
      if (this.touches === seen) continue;
      seen = this.touches;
      quietTicks = -1;
    }
  }
}
