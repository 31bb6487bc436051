import type { IncomingMessage } from 'node:http';

import type { ResolvedDashboard } from '../dashboard-options.js';
import { allowedBy, DASHBOARD_ACTIONS, type Allowed } from './actions.js';
import { oneLine } from '../../runtime/one-line.js';
import { foreignness } from './loopback.js';

/** Who asks, and what they may do. */
export interface Visitor {
  readonly allowed: Allowed;
  /** For logs and histories. */
  readonly who: string;
  /** Why nothing is allowed. */
  readonly reason: string | undefined;
}

const REFUSED = 'access() of the dashboard says none';
const MAX_WHO = 100;

/** A function of the application has failed; its message is for the log alone. */
export class Unanswered extends Error {
  /** What the visitor is told. */
  readonly reason: string;

  constructor(asked: 'access' | 'who', cause: unknown) {
    const reason = `${asked}() of the dashboard failed`;
    super(`${reason}: ${String(cause)}`, { cause });
    this.reason = reason;
  }
}

/** Decides what a visitor may do: as `access` says, else everything from this machine and nothing from elsewhere. */
export class Gate {
  constructor(private readonly options: Pick<ResolvedDashboard, 'access' | 'who'>) {}

  /**
   * @param given the request as the framework of the application has it
   * @throws Unanswered where `access` or `who` throws
   */
  async admit(request: IncomingMessage, given: unknown): Promise<Visitor> {
    const { access } = this.options;
    if (!access) {
      const reason = foreignness(request);
      const allowed = reason === undefined ? DASHBOARD_ACTIONS : undefined;
      return { allowed, reason, who: allowed ? await this.whoOf(request, given) : '' };
    }
    const allowed = await answerOf('access', async () => allowedBy(await access(given as never)));
    const reason = allowed ? undefined : REFUSED;
    return { allowed, reason, who: allowed ? await this.whoOf(request, given) : '' };
  }

  private async whoOf({ socket }: IncomingMessage, given: unknown): Promise<string> {
    const who = await answerOf('who', async () => this.options.who?.(given as never));
    return oneLine(who || `somebody at ${socket.remoteAddress ?? 'an unknown address'}`, MAX_WHO);
  }
}

async function answerOf<T>(asked: 'access' | 'who', ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new Unanswered(asked, cause);
  }
}
