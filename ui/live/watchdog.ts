/** Barks once, after so long without a sign of life. */
export class Watchdog {
  private timer: ReturnType<typeof setTimeout>;

  constructor(
    private readonly silenceMs: number,
    private readonly bark: () => void,
  ) {
    this.timer = setTimeout(bark, silenceMs);
  }

  heard(): void {
    this.stop();
    this.timer = setTimeout(this.bark, this.silenceMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
