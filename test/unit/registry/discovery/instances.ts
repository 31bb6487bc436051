import type { Instance } from '../../../../lib/index.js';

/** An instance for tests of pure functions. */
export function instanceOf(id: string, given: Partial<Instance> = {}): Instance {
  return Object.freeze({
    id,
    service: 'math',
    description: '',
    version: '1.0.0',
    updatedOn: '2000-01-01T00:00:00.000Z',
    pid: 1,
    host: '127.0.0.1',
    port: 0,
    hostName: 'host',
    capabilities: { wireVersion: 2, acceptsCalls: true },
    ...given,
  });
}

export function instancesOf(count: number): readonly Instance[] {
  return Object.freeze(Array.from({ length: count }, (_, index) => instanceOf(`instance${index}`)));
}
