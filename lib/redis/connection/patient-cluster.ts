import { Cluster, type ClusterNode, type ClusterOptions, type Command, type Redis } from 'ioredis';

import type { Clock } from '../../runtime/clock.js';
import { prepareSockets } from './prepared-sockets.js';

/** The node says so before it does anything, and will say otherwise soon. */
const NOT_NOW = /^(CLUSTERDOWN|TRYAGAIN|LOADING)\b/;
/** The driver says so of a command that it has no connection for, and also of one that was lost with its connection. */
const CLOSED = /^Connection is closed\.$|enableOfflineQueue options is false/;
const RETRY_PAUSE_MS = 50;

/** The code of an error of a command that was never written to a connection. */
export const NOT_SENT = 'HYDRA_NOT_SENT';

export interface Patience {
  readonly clock: Clock;
  /** How long a command that was not sent, or not taken, is tried again, in milliseconds. */
  readonly patienceMs: number;
}

/** What the driver keeps of one command over its attempts. */
interface Attempts {
  value?: unknown;
  startedAt?: number;
}

/** Ways to end a failed attempt: to try again, or to reject the command. */
type Handlers = Readonly<Record<string, (...args: unknown[]) => void>>;
const AGAIN = ['moved', 'ask', 'tryagain', 'clusterDown', 'connectionClosed'];

/**
 * A Cluster whose commands wait out a failover or the move of a slot: what surely was not done is tried again, what may have
 * been done is rejected and never sent twice. Messages are not tried again, except where their slot has moved: a later one
 * would overtake them.
 */
export class PatientCluster extends Cluster {
  /** The name of the command that is being handed to a connection just now. */
  private sending: string | undefined;

  constructor(
    nodes: ClusterNode[],
    options: ClusterOptions,
    private readonly patience: Patience,
  ) {
    super(nodes, {
      ...(options as object),
      // The driver would send again what was lost with its connection, and may have been done.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
    });
    this.on('+node', (node: Redis) => {
      // A command that waits for a connection would count as lost, and not as never sent, when there is none.
      node.options.enableOfflineQueue = false;
      prepareSockets(node);
    });
  }

  override sendCommand(command: Command, stream?: never, node?: unknown): unknown {
    return this.whileSending(command.name, () => super.sendCommand(command, stream, node));
  }

  override handleError(error: Error, attempts: Attempts, handlers: Handlers): void {
    const { name } = (error as { command?: { name?: string } }).command ?? {};
    const command = name ?? this.sending;
    const isUnsent = this.sending !== undefined && CLOSED.test(error.message);
    if (isUnsent) Object.assign(error, { code: NOT_SENT });
    if (!isUnsent && !NOT_NOW.test(error.message))
      return super.handleError(error, attempts, this.watched(handlers, command));
    // Who only sends messages would not hear from a command that the owner is another now.
    this.refreshSlotsCache();
    const again = handlers['tryagain']!;
    if (command === 'spublish' || !this.mayWait(attempts)) handlers['defaults']!();
    else
      this.patience.clock.setTimeout(() => this.whileSending(command, again), RETRY_PAUSE_MS, { ref: true });
  }

  private mayWait(attempts: Attempts): boolean {
    const now = this.patience.clock.monotonic();
    attempts.startedAt ??= now;
    // Redirections are counted anew: the next attempt asks any node, and begins with one.
    attempts.value = undefined;
    return now - attempts.startedAt < this.patience.patienceMs;
  }

  private watched(handlers: Handlers, name: string | undefined): Handlers {
    const again = AGAIN.map((key) => [
      key,
      (...args: unknown[]) => this.whileSending(name, () => handlers[key]!(...args)),
    ]);
    return { ...handlers, ...(Object.fromEntries(again) as Handlers) };
  }

  private whileSending<T>(name: string | undefined, act: () => T): T {
    const before = this.sending;
    this.sending = name;
    try {
      return act();
    } finally {
      this.sending = before;
    }
  }
}
