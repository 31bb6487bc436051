const EARNED_PER_CALL = 0.1;
const AT_MOST = 100;

/** Retries of calls whose outcome is unknown: one for ten calls, so that a dying service is not finished off by them. */
export class RetryBudget {
  private tokens = AT_MOST / 10;

  earn(): void {
    this.tokens = Math.min(AT_MOST, this.tokens + EARNED_PER_CALL);
  }

  /** True when one more retry is affordable. */
  spend(): boolean {
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
