/** The demo's bookkeeping: who answered what, how fast, and what went wrong. */
import { formatCount, formatMs, formatShare, tableLines } from './terminal.mjs';

const RECENT = 5_000;

export class Score {
  answered = 0;
  failed = 0;
  wrong = 0;
  /** The first few, for the summary. */
  failures = [];
  #instances = new Map();
  #latencies = [];
  #startedAt = performance.now();
  #endedAt;

  addInstance(id, state = 'up') {
    // An answer can be here before the instance's own line of readiness.
    this.#instances.set(id, { calls: this.#instances.get(id)?.calls ?? 0, state });
  }

  setState(id, state) {
    this.#instances.get(id).state = state;
  }

  callsOf(id) {
    return this.#instances.get(id)?.calls ?? 0;
  }

  add({ latencyMs, body, failure, wrong }) {
    if (failure !== undefined || wrong) {
      if (wrong) this.wrong += 1;
      else this.failed += 1;
      if (this.failures.length < 5) this.failures.push(failure ?? `wrong answer ${JSON.stringify(body)}`);
      return;
    }
    this.answered += 1;
    this.#latencies.push(latencyMs);
    if (!this.#instances.has(body.instance)) this.addInstance(body.instance);
    this.#instances.get(body.instance).calls += 1;
  }

  finish() {
    this.#endedAt = performance.now();
  }

  lines() {
    const rows = [...this.#instances].map(([id, { calls, state }]) => [
      id,
      state,
      formatCount(calls),
      formatShare(calls / this.answered),
    ]);
    return [
      ...tableLines([['instance', 'state', 'calls answered', 'share'], ...rows]),
      '',
      ...this.#figures(),
    ];
  }

  line() {
    return this.#figures().join('   ');
  }

  /** Two lines, each short enough for a terminal of 80 columns. */
  #figures() {
    const seconds = ((this.#endedAt ?? performance.now()) - this.#startedAt) / 1_000;
    const [p50, p99] = this.#percentiles();
    const rate = `${formatCount(this.answered / seconds)} calls/s`;
    return [
      `${seconds.toFixed(1)} s   ${formatCount(this.answered)} answered   ${rate}`,
      `p50 ${formatMs(p50)}   p99 ${formatMs(p99)}   failed ${this.failed}   wrong ${this.wrong}`,
    ];
  }

  /** Of the latest calls while running, since the whole would be sorted ten times a second; of all at the end. */
  #percentiles() {
    const sample = this.#endedAt ? this.#latencies : this.#latencies.slice(-RECENT);
    const sorted = Float64Array.from(sample).toSorted();
    return [0.5, 0.99].map((share) => sorted[Math.floor(sorted.length * share)] ?? NaN);
  }
}
