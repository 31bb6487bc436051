import { HydraError } from '../../../../lib/index.js';
import { ReadinessWaiters } from '../../../../lib/redis/connection/readiness-waiters.js';

function waiterOf(told: string[], name: string, isPatient: boolean) {
  return {
    isPatient,
    ready: () => void told.push(`${name} ready`),
    failed: ({ code }: HydraError) => void told.push(`${name} ${code}`),
  };
}

describe('those who wait for Redis', () => {
  it('are each told once', () => {
    const [told, waiters] = [[] as string[], new ReadinessWaiters()];
    waiters.add(waiterOf(told, 'a', true));
    waiters.ready();
    waiters.ready();
    waiters.closed(new HydraError('CLOSED', 'closed'));
    expect(told).toEqual(['a ready']);
  });

  it('keep waiting for a Redis that does not let them in only where they are patient', () => {
    const [told, waiters] = [[] as string[], new ReadinessWaiters()];
    waiters.add(waiterOf(told, 'a', true));
    waiters.add(waiterOf(told, 'b', false));
    waiters.refused(new HydraError('FORBIDDEN', 'WRONGPASS'));
    expect(told).toEqual(['b FORBIDDEN']);
    waiters.ready();
    expect(told).toEqual(['b FORBIDDEN', 'a ready']);
  });

  it('may wait anew while they are told', () => {
    const [told, waiters] = [[] as string[], new ReadinessWaiters()];
    waiters.add({
      isPatient: true,
      failed: () => undefined,
      ready: () => waiters.add(waiterOf(told, 'later', true)),
    });
    waiters.ready();
    expect(told).toEqual([]);
    waiters.ready();
    expect(told).toEqual(['later ready']);
  });
});
