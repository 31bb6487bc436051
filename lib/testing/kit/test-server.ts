import type { MessageHandler } from '@nestjs/microservices';

import type { DeliveryExtras } from '../../delivery/source.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { HydraServer } from '../../hydra-server.js';
import type { Journal } from './journal.js';
import type { HandledRecord } from './records.js';
import type { Stubs } from './stub.js';

/** What the servers of one test share. */
export interface Observation {
  readonly journal: Journal;
  readonly stubs: Stubs;
}

type Kind = HandledRecord['kind'];

/** A server whose handlers are recorded, and stand back for stubs. */
export class TestServer extends HydraServer {
  private readonly service: string;

  constructor(
    instance: HydraInstance,
    /** Such as `payments#2`. */
    private readonly instanceName: string,
    private readonly observation: Observation,
  ) {
    super(instance);
    this.service = instance.options.service;
  }

  override addHandler(
    pattern: unknown,
    handler: MessageHandler,
    isEvent = false,
    extras: Record<string, unknown> = {},
  ): void {
    const { mode = 'call' } = (extras as DeliveryExtras).hydra ?? {};
    const kind = mode === 'call' && isEvent ? 'event' : mode;
    const route = this.normalizePattern(pattern as never);
    super.addHandler(pattern, this.recorded(kind, route, handler), isEvent, extras);
  }

  /** Nest keeps its own marks on a handler, and a proxy passes them on. */
  private recorded(kind: Kind, pattern: string, handler: MessageHandler): MessageHandler {
    const { instanceName: instance, service, observation } = this;
    const { journal, stubs } = observation;
    return new Proxy(handler, {
      apply(target, self, [data, context]: [unknown, unknown]) {
        const stub = stubs.find(service, pattern);
        journal.ran({ kind, service, instance, pattern, data, isStubbed: stub !== undefined });
        if (stub) return stub.run(data, context, kind === 'call' || kind === 'event');
        return Reflect.apply(target, self, [data, context]) as unknown;
      },
    });
  }
}
