const EARNED_PER_CALL = 0.1;
const MAX_TOKENS = 100;

/** Retries of calls whose outcome is unknown, but for the first that moves a call: one for ten calls, so that they do not overload a failing service. */
export class RetryBudget {
  private tokens = MAX_TOKENS / 10;

  earn(): void {
    this.tokens = Math.min(MAX_TOKENS, this.tokens + EARNED_PER_CALL);
  }

  /** True when one more retry is affordable. */
  spend(): boolean {
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
