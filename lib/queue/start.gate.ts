/**
 * Counts the jobs that run in this process, over all its queues, and lets one run alone: once it is asked for, no other
 * starts, and it starts when the last one has ended.
 */
export class StartGate {
  private readonly alone: (() => void)[] = [];
  private readonly listeners: (() => void)[] = [];
  private running = 0;
  private isAlone = false;
  private closedAt = 0;

  /** Others may start. */
  get isOpen(): boolean {
    return !this.isAlone && this.alone.length === 0;
  }

  /** Hears when others may start again. */
  onOpen(listener: () => void): void {
    this.listeners.push(listener);
  }

  enter(): void {
    this.running++;
  }

  leave(): void {
    this.running--;
    if (this.running > 0) return;
    const wasAlone = this.isAlone;
    this.isAlone = false;
    this.next();
    if (wasAlone && this.isOpen) for (const listener of this.listeners) listener();
  }

  /** Calls `start` when nothing runs any more; it has to lead to one `leave`. */
  enterAlone(start: () => void): void {
    if (this.alone.length === 0) this.closedAt = performance.now();
    this.alone.push(start);
    if (this.running === 0) this.next();
  }

  /** It does not wait to be alone any longer; false when it has started. */
  giveUp(start: () => void): boolean {
    const index = this.alone.indexOf(start);
    if (index < 0) return false;
    this.alone.splice(index, 1);
    if (this.isOpen) for (const listener of this.listeners) listener();
    return true;
  }

  /** For how long, in milliseconds, nothing has started because one waits to be alone; 0 when none does. */
  get closedMs(): number {
    return this.alone.length > 0 ? performance.now() - this.closedAt : 0;
  }

  /** Gives up on what has not started. */
  clear(): void {
    this.alone.length = 0;
  }

  private next(): void {
    const start = this.alone.shift();
    if (!start) return;
    this.isAlone = true;
    this.running++;
    start();
  }
}
