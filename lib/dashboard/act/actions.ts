import type { JsonObject } from '../../protocol/json.js';
import { isAction, type DashboardAction } from '../access/actions.js';
import type { Visitor } from '../access/gate.js';
import type { Place } from '../facts/place.js';
import { Refusal } from '../http/refusal.js';
import type { Audit } from './audit.js';
import type { Deed, Doing } from './deed.js';
import { Order } from './order.js';
import { CONFIG_DEEDS } from './config-deeds.js';
import { QUEUE_DEEDS } from './queue-deeds.js';
import { STREAM_DEEDS } from './stream-deeds.js';
import { TaskList, type Task } from './task-list.js';

const DEEDS: Readonly<Record<DashboardAction, Doing>> = {
  ...QUEUE_DEEDS,
  ...STREAM_DEEDS,
  ...CONFIG_DEEDS,
};

/** Does what visitors ask for, where they may, and writes who did what. */
export class Actions {
  readonly tasks: TaskList;

  constructor(
    private readonly place: Place,
    private readonly audit: Audit,
  ) {
    this.tasks = new TaskList(place.instance.clock);
  }

  /**
   * Does it, or begins it: then it gives the task.
   *
   * @throws Refusal for what the visitor may not do, and for what cannot be done; what the services throw
   */
  async run(given: JsonObject, visitor: Visitor): Promise<unknown> {
    const order = new Order(given);
    const action = order.text('action');
    if (action === 'task.stop') return this.stop(order.text('id'), visitor);
    if (!isAction(action)) throw new Refusal(400, `there is no action ${JSON.stringify(action)}`);
    mayDo(visitor, action);
    const isDry = order.flag('dryRun');
    const deed = await DEEDS[action](this.place, order, visitor);
    order.refuseUnknown();
    if (isDry) return this.tryOut(action, deed);
    return 'work' in deed ? this.begin(action, deed, visitor) : this.doNow(deed, visitor);
  }

  close(): void {
    this.tasks.close();
  }

  private tryOut(action: DashboardAction, { dry }: Deed): Promise<unknown> {
    if (dry) return dry();
    throw new Refusal(400, `${action} has no dry run, and nothing was done`);
  }

  private async doNow({ what, now }: Extract<Deed, { now: unknown }>, { who }: Visitor): Promise<unknown> {
    try {
      const result = await now();
      this.audit(`${who}: ${what}`);
      return result ?? { isDone: true };
    } catch (error) {
      this.audit(`${who}: ${what}: failed: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  private begin(
    action: DashboardAction,
    { what, total, work }: Extract<Deed, { work: unknown }>,
    { who }: Visitor,
  ): { readonly task: Task } {
    const ended = ({ state, done, error }: Task) =>
      this.audit(`${who}: ${what}: ${state}, ${done} of them${error === undefined ? '' : `: ${error}`}`);
    const task = this.tasks.begin({ action, what, who, total }, work, ended);
    this.audit(`${who}: ${what}: begun`);
    return { task };
  }

  private stop(id: string, visitor: Visitor): object {
    const task = this.tasks.find(id);
    if (!task) throw new Refusal(404, 'there is no such task');
    mayDo(visitor, task.action);
    if (!this.tasks.stop(id)) throw new Refusal(409, 'it does not run any more');
    this.audit(`${visitor.who}: stop: ${task.what}`);
    return { isDone: true };
  }
}

/** @throws Refusal */
function mayDo({ allowed = [] }: Visitor, action: DashboardAction): void {
  if (!allowed.includes(action)) throw new Refusal(403, `you may not do ${action}`);
}
