import type { IncomingMessage } from 'node:http';

import type { JsonObject } from '../protocol/json.js';
import { Actions } from './act/actions.js';
import { oneLineAudit, type Audit } from './act/audit.js';
import { Gate, Unanswered, type Visitor } from './access/gate.js';
import { Questions } from './ask/questions.js';
import { Collector } from './collect/collector.js';
import { Topics } from './collect/topics.js';
import type { ResolvedDashboard } from './dashboard-options.js';
import type { Place } from './facts/place.js';
import { EventStreams } from './http/event-streams.js';

/** The page of one process, whoever serves it: what is watched, asked and done there. */
export class DashboardCore {
  readonly collector: Collector;
  readonly streams: EventStreams;
  /** Where it looks: what all names in Redis begin with. */
  readonly namespace: string;
  private readonly gate: Gate;
  private readonly questions: Questions;
  private readonly actions: Actions;
  private readonly audit: Audit;

  constructor(place: Place, options: Pick<ResolvedDashboard, 'access' | 'who'>, audit: Audit) {
    const { clock, options: own } = place.instance;
    this.namespace = own.namespace;
    this.collector = new Collector(clock);
    this.gate = new Gate(options);
    this.questions = new Questions(place);
    this.audit = oneLineAudit(audit);
    this.actions = new Actions(place, this.audit);
    const topics = new Topics(place, this.actions.tasks);
    this.streams = new EventStreams({ clock, collector: this.collector, topics });
  }

  /** Never rejects: who cannot be told from others is nobody. */
  async admit(request: IncomingMessage, given: unknown): Promise<Visitor> {
    try {
      return await this.gate.admit(request, given);
    } catch (error) {
      this.audit((error as Error).message);
      const reason = error instanceof Unanswered ? error.reason : 'no access';
      return { allowed: undefined, who: '', reason };
    }
  }

  /** Reads something once. */
  ask(words: Readonly<Record<string, string>>): Promise<unknown> {
    return this.questions.answer(words);
  }

  /** Does something, in the name of a visitor. */
  act(order: JsonObject, visitor: Visitor): Promise<unknown> {
    return this.actions.run(order, visitor);
  }

  /** Nobody is told anything from here on, and what runs ends after its present step. */
  close(): void {
    this.streams.close();
    this.collector.close();
    this.actions.close();
  }
}
