/** A look at a service, by two clocks whose difference does not matter: only how long ago it was. */
export interface Look {
  readonly sentAt: number;
  /** In milliseconds. */
  readonly redisTime: number;
}

/** What a heartbeat sees of its own service. */
export interface ServiceLook extends Look {
  /** Of the index; undefined where the heartbeat itself was a change of it, whose announcement may still be on its way. */
  readonly epoch: string | undefined;
  /** Whether the beat of another instance is overdue: it may be dead. */
  readonly isOverdue: boolean;
}
