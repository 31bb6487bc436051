/** What INFO tells of commands and errors. */
export class CommandCounts {
  private allCalls = 0;
  private received = 0;
  private sent = 0;
  private calls = new Map<string, { calls: number; failed: number; rejected: number }>();
  private errors = new Map<string, number>();

  get total(): number {
    return this.allCalls;
  }

  /** Bytes that clients have sent. */
  get inputBytes(): number {
    return this.received;
  }

  /** Bytes that clients were sent. */
  get outputBytes(): number {
    return this.sent;
  }

  gotBytes(count: number): void {
    this.received += count;
  }

  sentBytes(count: number): void {
    this.sent += count;
  }

  reset(): void {
    this.allCalls = 0;
    this.received = 0;
    this.sent = 0;
    this.calls = new Map();
    this.errors = new Map();
  }

  called(name: string): void {
    this.allCalls++;
    this.of(name).calls++;
  }

  failed(name: string, text: string): void {
    this.of(name).failed++;
    this.error(text);
  }

  rejected(name: string, text: string): void {
    this.of(name).rejected++;
    this.error(text);
  }

  commandLines(): string[] {
    return [...this.calls].map(
      ([name, { calls, failed, rejected }]) =>
        `cmdstat_${name}:calls=${calls},usec=${calls},usec_per_call=1.00,rejected_calls=${rejected},failed_calls=${failed}`,
    );
  }

  errorLines(): string[] {
    return [...this.errors].map(([code, count]) => `errorstat_${code}:count=${count}`);
  }

  private of(name: string) {
    let counts = this.calls.get(name);
    if (!counts) this.calls.set(name, (counts = { calls: 0, failed: 0, rejected: 0 }));
    return counts;
  }

  private error(text: string): void {
    const code = text.split(' ', 1)[0]!;
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}
