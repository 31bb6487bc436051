const MAX_CALLS = 10_000;

/**
 * Calls that callers were told had never come, the latest ten thousand. Each of them may have gone elsewhere since, so one
 * that comes after all must not run.
 */
export class DeniedCalls {
  private readonly byCaller = new Map<string, Set<number>>();
  private readonly latest: [address: string, id: number][] = [];
  private next = 0;

  add(address: string, id: number): void {
    let ids = this.byCaller.get(address);
    if (!ids) this.byCaller.set(address, (ids = new Set()));
    if (ids.has(id)) return;
    this.forget(this.latest[this.next]);
    this.latest[this.next] = [address, id];
    this.next = (this.next + 1) % MAX_CALLS;
    ids.add(id);
  }

  has(address: string, id: number): boolean {
    return this.byCaller.get(address)?.has(id) ?? false;
  }

  private forget(oldest: [address: string, id: number] | undefined): void {
    if (!oldest) return;
    const [address, id] = oldest;
    const ids = this.byCaller.get(address);
    ids?.delete(id);
    if (ids?.size === 0) this.byCaller.delete(address);
  }
}
