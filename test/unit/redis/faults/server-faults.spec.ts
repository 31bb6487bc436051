import { fieldsOf } from '../../../../lib/redis/faults/server-facts.js';
import { linesOf } from '../../../../lib/redis/faults/server-faults.js';

describe('what is said of Redis at the start', () => {
  it.each([
    ['maxmemory_policy:noeviction\r\n\naof_enabled:1\r\n', []],
    ['maxmemory_policy:allkeys-lru\r\n\naof_enabled:1\r\n', ['docs/doctor.md#memoryeviction']],
    [
      'maxmemory_policy:volatile-ttl\r\n\naof_enabled:0\r\n',
      ['docs/doctor.md#memoryeviction', 'docs/doctor.md#persistenceoff'],
    ],
    ['', []],
  ])('of %j has the links %j', (info, links) => {
    const lines = linesOf(fieldsOf(info));
    expect(lines.map((line) => /\((\S+)\)$/.exec(line)?.[1])).toEqual(links);
  });

  it('is what the doctor says: what, why, and what mends it', () => {
    expect(linesOf({ maxmemory_policy: 'allkeys-lru' })).toEqual([
      'maxmemory-policy is allkeys-lru: when memory is short, Redis removes presences, leases, jobs and streams. To mend it: CONFIG SET maxmemory-policy noeviction (docs/doctor.md#memoryeviction)',
    ]);
  });
});
