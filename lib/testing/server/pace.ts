import type { Clock } from '../../runtime/clock.js';

/** When a server gets to what arrives: at once, unless it is slow or frozen. The order stays. */
export class Pace {
  private readonly held: (() => void)[] = [];
  private isFrozen = false;
  private slowMs = 0;
  private delayed = 0;
  private lastDueAt = 0;

  constructor(private readonly clock: Clock) {}

  take(act: () => void): void {
    if (this.slowMs === 0 && this.delayed === 0) return this.now(act);
    const now = this.clock.monotonic();
    this.lastDueAt = Math.max(now + this.slowMs, this.lastDueAt);
    this.delayed++;
    this.clock.setTimeout(() => {
      this.delayed--;
      this.now(act);
    }, this.lastDueAt - now);
  }

  /** From here on everything takes so much longer. */
  slow(ms: number): void {
    this.slowMs = ms;
  }

  freeze(): void {
    this.isFrozen = true;
  }

  resume(): void {
    this.isFrozen = false;
    for (const act of this.held.splice(0)) act();
  }

  private now(act: () => void): void {
    if (this.isFrozen) this.held.push(act);
    else act();
  }
}
