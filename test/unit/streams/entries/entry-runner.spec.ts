import type { Dispatch } from '../../../../lib/delivery/source.js';
import type { DeliveryContext } from '../../../../lib/delivery/delivery-context.js';
import { HydraError } from '../../../../lib/hydra-error.js';
import type { ConsumerGroup } from '../../../../lib/streams/group/consumer-group.js';
import { GroupStatus } from '../../../../lib/streams/group/group-status.js';
import type { EntryHandler } from '../../../../lib/streams/entries/entry-handler.js';
import { EntryRunner } from '../../../../lib/streams/entries/entry-runner.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { entryOf, handlerOf } from '../../../support/stream-entries.js';

type Handle = (attempt: number, context: DeliveryContext) => unknown;

const random = { float: () => 0, uuid: () => '', bytes: () => Buffer.alloc(0) };

function start(handle: Handle, options: Partial<EntryHandler> = {}) {
  const clock = new ManualClock();
  const events: string[] = [];
  const counted: number[] = [];
  const state = { grants: true, isMine: true };
  const group = {
    isSurelyMine: () => state.isMine,
    beginAttempt: async ({ attempt }: { attempt: number }) => {
      counted.push(attempt);
      return state.grants;
    },
  } as unknown as ConsumerGroup;
  const dispatch = {
    run: async (_: unknown, __: unknown, context: DeliveryContext) => {
      const { attempt } = context as unknown as { attempt: number };
      events.push(`run ${attempt} at ${clock.monotonic()}`);
      return handle(attempt, context);
    },
    settled: () => undefined,
  } as unknown as Dispatch;
  const status = new GroupStatus(clock, { stream: 'orders', group: 'mailer' });
  const runner = new EntryRunner(
    { clock, random },
    { group, handlers: [handlerOf(options)], dispatch, status },
    {
      handled: () => void events.push('handled'),
      givenUp: (_, reason) => void events.push(`given up: ${reason}`),
      forgotten: () => void events.push('forgotten'),
      capacityFreed: () => undefined,
    },
  );
  return { clock, runner, events, counted, state };
}

const fail = () => {
  throw new Error('no stock');
};

describe('the runs of a handler', () => {
  it('end with the entry handled', async () => {
    const { clock, runner, events, counted } = start(() => 'done');
    runner.run(entryOf(1));
    await clock.advance(0);
    // Redis counts the first delivery by itself.
    expect([events, counted]).toEqual([['run 1 at 0', 'handled'], []]);
  });

  it('are repeated after the backoff, and counted, until no attempt is left', async () => {
    const { clock, runner, events, counted } = start(fail, { attempts: 3 });
    runner.run(entryOf(1));
    await clock.advance(10_000);
    // Half of the backoff and no more, since the randomness gives 0.
    expect(events).toEqual(['run 1 at 0', 'run 2 at 50', 'run 3 at 150', 'given up: no stock']);
    expect(counted).toEqual([2, 3]);
  });

  it('take what others may have begun into account', async () => {
    const { clock, runner, events } = start(fail, { attempts: 3 });
    runner.run(entryOf(1, { deliveries: 2 }));
    await clock.advance(10_000);
    expect(events).toEqual(['run 3 at 0', 'given up: no stock']);
    runner.run(entryOf(2, { deliveries: 4 }));
    expect(events.at(-1)).toBe('given up: its consumers were lost while they had it');
  });

  it('fail when they exceed timeoutMs, and their signals abort', async () => {
    let reason: unknown;
    const handle: Handle = (_, context) => {
      context.signal.addEventListener('abort', () => (reason = context.signal.reason as unknown));
      return new Promise(() => undefined);
    };
    const { clock, runner, events } = start(handle, { attempts: 1, timeoutMs: 300 });
    runner.run(entryOf(1));
    await clock.advance(299);
    expect(events).toEqual(['run 1 at 0']);
    await clock.advance(1);
    expect(events.at(-1)).toMatch(/given up: .*was not handled within timeoutMs=300/);
    expect(reason).toMatchObject({ code: 'TIMEOUT' });
  });

  it('do not begin where another consumer may have the entry and Redis does not grant it', async () => {
    const { clock, runner, events, state } = start(() => 'done');
    Object.assign(state, { grants: false, isMine: false });
    runner.run(entryOf(1));
    await clock.advance(0);
    expect(events).toEqual(['forgotten']);
  });

  it('are ignored once another consumer has claimed the entry', async () => {
    let end: (value: string) => void = () => undefined;
    let aborted = false;
    const { clock, runner, events } = start((_, context) => {
      context.signal.addEventListener('abort', () => (aborted = true));
      return new Promise((resolve) => (end = resolve));
    });
    const entry = entryOf(1);
    runner.run(entry);
    await clock.advance(0);
    entry.lose(new HydraError('LEASE_LOST', 'it belongs to another consumer'));
    expect([entry.state, aborted]).toEqual(['lost', true]);
    end('done');
    await clock.advance(0);
    expect(events.at(-1)).toBe('forgotten');
  });

  it('are not repeated once the runner is closed', async () => {
    const { clock, runner, events } = start(fail);
    runner.run(entryOf(1));
    await clock.advance(10);
    runner.close();
    await runner.idle();
    await clock.advance(10_000);
    expect([events, clock.timerCount]).toEqual([['run 1 at 0'], 0]);
  });
});
