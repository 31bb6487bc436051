const MAX_CALLS = 10_000;

/**
 * The latest ten thousand calls that this instance named `unknown` to their callers. A caller may have sent such a call
 * to another instance since, so it must not run if it arrives later.
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
