import type { Clock } from './clock.js';

/** As the alert rule of docs/observability/alerts.yml has it. */
const FEW = 3;
const LATELY_MS = 600_000;

/** How often the connection to Redis was lost, in all and lately. */
export class Losses {
  private times: number[] = [];
  private all = 0;

  constructor(private readonly clock: Pick<Clock, 'monotonic'>) {}

  add(): void {
    this.all++;
    this.times = [...this.lately(), this.clock.monotonic()];
  }

  /** Since the process began. */
  get count(): number {
    return this.all;
  }

  /** Undefined while they are few. */
  get warning(): string | undefined {
    const { length } = this.lately();
    return length > FEW ? `lost Redis ${length} times in ten minutes` : undefined;
  }

  private lately(): readonly number[] {
    const from = this.clock.monotonic() - LATELY_MS;
    return this.times.filter((at) => at > from);
  }
}
