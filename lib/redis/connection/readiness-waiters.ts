import type { HydraError } from '../../hydra-error.js';

/** One that waits until Redis is ready. */
export interface ReadinessWaiter {
  readonly ready: () => void;
  readonly failed: (error: HydraError) => void;
  /** Whether it also waits while Redis rejects the credentials. */
  readonly isPatient: boolean;
}

/** Those that wait until Redis is ready; each is told once. */
export class ReadinessWaiters {
  private readonly waiting = new Set<ReadinessWaiter>();

  add(waiter: ReadinessWaiter): void {
    this.waiting.add(waiter);
  }

  remove(waiter: ReadinessWaiter): void {
    this.waiting.delete(waiter);
  }

  ready(): void {
    for (const waiter of this.taken(() => true)) waiter.ready();
  }

  /** Redis rejects the credentials: a patient waiter keeps waiting. */
  refused(error: HydraError): void {
    for (const waiter of this.taken(({ isPatient }) => !isPatient)) waiter.failed(error);
  }

  closed(error: HydraError): void {
    for (const waiter of this.taken(() => true)) waiter.failed(error);
  }

  private taken(isMeant: (waiter: ReadinessWaiter) => boolean): readonly ReadinessWaiter[] {
    const taken = [...this.waiting].filter(isMeant);
    for (const waiter of taken) this.waiting.delete(waiter);
    return taken;
  }
}
