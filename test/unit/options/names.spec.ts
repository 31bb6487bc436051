import { Module } from '@nestjs/common';

import { HydraError } from '../../../lib/hydra-error.js';
import { HydraModule } from '../../../lib/hydra-module.js';
import { HYDRA_NAMES, refuseUnknown, resolveOptions, withoutUnknown } from '../../../lib/hydra-options.js';
import { HydraServer } from '../../../lib/hydra-server.js';
import { HydraClient } from '../../../lib/hydra-client.js';

function refusalOf(act: () => unknown): HydraError {
  try {
    act();
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    return error as HydraError;
  }
  throw new Error('nothing was refused');
}

const resolve = (options: object) => resolveOptions({ service: 'math', ...options });

describe('an option with an unknown name', () => {
  it.each<[given: object, name: string, meant: string]>([
    [{ timeout: 500 }, '"timeout"', 'did you mean "timeoutMs"?'],
    [{ Redis: 'redis://a' }, '"Redis"', 'did you mean "redis"?'],
    [{ presence: { interval: 5 } }, 'HydraOptions.presence', 'did you mean "intervalMs"?'],
    [{ health: { ttl: 5 } }, 'HydraOptions.health', 'did you mean "ttlMs"?'],
    [{ discovery: { max: 5 } }, 'HydraOptions.discovery', 'there are maxInstances'],
    [{ connection: { pingInterval: 5 } }, 'HydraOptions.connection', 'did you mean "pingIntervalMs"?'],
    [{ calls: { maxConcurency: 5 } }, 'HydraOptions.calls', 'did you mean "maxConcurrency"?'],
    [{ breaker: { ejectms: 5 } }, 'HydraOptions.breaker', 'did you mean "ejectMs"?'],
    [{ drain: { timeout: 5 } }, 'HydraOptions.drain', 'did you mean "timeoutMs"?'],
    [{ logging: { levle: 'log' } }, 'HydraOptions.logging', 'did you mean "level"?'],
    [{ config: { secret: [] } }, 'HydraOptions.config', 'did you mean "secrets"?'],
    [{ queue: { concurency: 5 } }, 'HydraOptions.queue', 'did you mean "concurrency"?'],
    [{ queue: { completed: { max: 5 } } }, 'HydraOptions.queue.completed', 'there are count, ageMs'],
    [{ queue: { patterns: { pdf: { retries: 5 } } } }, 'HydraOptions.queue.patterns.pdf', 'there are'],
    [{ queue: { backoff: { type: 'fixed', delay: 5 } } }, 'HydraOptions.queue.backoff', '"delayMs"?'],
    [{ streams: { events: ['a', { stream: 'b', orderby: 'c' }] } }, 'streams.events.1', '"orderBy"?'],
  ])('is refused, with the one that was meant: %j', (given, name, meant) => {
    const { message } = refusalOf(() => resolve(given));
    expect(message).toContain(name);
    expect(message).toContain(meant);
  });

  it('is no name that every object has', () => {
    expect(refusalOf(() => resolve({ toString: 1 })).message).toContain('"toString"');
  });

  it('is the affair of others inside redis, metadata, defaults and what is a function', () => {
    const redis = { host: 'a', whatever: 1 };
    const config = { defaults: { timeout: 5 } };
    expect(resolve({ redis, config, metadata: { zone: 'a' }, balancer: () => undefined }).redis).toBe(redis);
  });

  it('is refused where a group is no object', () => {
    expect(refusalOf(() => resolve({ presence: 5 })).message).toContain('presence must be an object');
    expect(refusalOf(() => resolve({ calls: '5' })).message).toContain('calls must be an object');
  });

  it('is refused by servers and clients, which say who refuses it', () => {
    expect(refusalOf(() => new HydraServer({ service: 'a', timeout: 1 } as never)).message).toContain(
      '"timeout" is no option of HydraServer',
    );
    expect(refusalOf(() => new HydraClient({ service: 'a', durableEvent: 'b' } as never)).message).toContain(
      '"durableEvent" is no option of HydraClient: did you mean "durableEvents"?',
    );
    expect(
      refusalOf(() => new HydraClient({ service: 'a', calls: { window: 1 } } as never)).message,
    ).toContain('HydraClient.calls');
  });

  it('is refused by the module', () => {
    const feature = (options: object) => () => Module({ imports: [HydraModule.forFeature(options)] });
    expect(refusalOf(feature({ client: ['a'] })).message).toContain('did you mean "clients"?');
    expect(refusalOf(feature({ clients: [{ service: 'a', redis: 'redis://b' }] })).message).toContain(
      '"redis" is no option of HydraModule.forFeature.clients.0',
    );
    expect(refusalOf(() => HydraModule.forRootAsync({ useFactry: 1 } as never)).message).toContain(
      'did you mean "useFactory"?',
    );
  });

  it('is left out with a warning where the options were stored', () => {
    const warnings: string[] = [];
    const stored = { timeoutMs: 5, timeout: 6, calls: { maxWaiting: 1, window: 2 }, metadata: { any: 'x' } };
    const kept = withoutUnknown('the document', stored, HYDRA_NAMES, (text) => warnings.push(text));
    expect(kept).toEqual({ timeoutMs: 5, calls: { maxWaiting: 1 }, metadata: { any: 'x' } });
    expect(warnings).toEqual([
      '"timeout" is no option of the document: did you mean "timeoutMs"?',
      expect.stringContaining('"window" is no option of the document.calls: there are maxConcurrency'),
    ]);
  });

  it('is looked for in what is given alone', () => {
    expect(() => refuseUnknown('it', undefined, {})).not.toThrow();
    expect(refusalOf(() => refuseUnknown('it', 5, { a: true })).message).toContain('it must be an object');
  });
});
