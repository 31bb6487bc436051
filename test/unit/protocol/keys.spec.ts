import { createKeys, type Keys } from '../../../lib/protocol/keys.js';

const ID = '0123456789abcdef0123456789abcdef';

/** Every name that a service or stream can have, in one layout. */
function namesOf(keys: Keys): Record<string, string> {
  const s = 'math';
  return {
    service: keys.service(s),
    presence: keys.presence(s, ID),
    health: keys.health(s, ID),
    healthLog: keys.healthLog(s, ID),
    routes: keys.routes(s),
    configs: keys.configs(s),
    nodes: keys.nodes,
    waiting: keys.waiting(s),
    inProgress: keys.inProgress(s),
    incomplete: keys.incomplete(s),
    instanceChannel: keys.instanceChannel(s, ID),
    serviceChannel: keys.serviceChannel(s),
    stream: keys.stream('orders'),
    ...ownNamesOf(keys, s),
  };
}

function ownNamesOf(keys: Keys, service: string): Record<string, string> {
  return {
    instances: keys.instances(service),
    beats: keys.beats(service),
    epoch: keys.epoch(service),
    directory: keys.directory,
    bridge: keys.bridge,
    announcements: keys.announcements(service),
    directoryChanges: keys.directoryChanges,
    replyChannel: keys.replyChannel(service, ID),
    own: keys.own(service, 'queue', 'leases'),
    ownStream: keys.ownStream('orders', 'dedup'),
  };
}

/** Redis's glob, as far as Hydra uses it. */
function matches(pattern: string, key: string): boolean {
  const source = pattern.split('*').map((part) => part.replaceAll(/[.\\^$+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${source.join('.*')}$`).test(key);
}

describe('the classic layout', () => {
  it('is that of Hydra 1.9, name by name', () => {
    expect(namesOf(createKeys())).toMatchObject({
      service: 'hydra:service:math:service',
      presence: `hydra:service:math:${ID}:presence`,
      health: `hydra:service:math:${ID}:health`,
      healthLog: `hydra:service:math:${ID}:health:log`,
      routes: 'hydra:service:math:service:routes',
      configs: 'hydra:service:math:configs',
      nodes: 'hydra:service:nodes',
      waiting: 'hydra:service:math:mqrecieved',
      inProgress: 'hydra:service:math:mqinprogress',
      incomplete: 'hydra:service:math:mqincomplete',
      instanceChannel: `hydra:service:mc:math:${ID}`,
      serviceChannel: 'hydra:service:mc:math',
      stream: 'hydra:stream:orders',
    });
  });

  it.each(['*:service', '*:routes', '*:math:*:presence', '*:math:*:health', '*:math:*:health:log'])(
    'adds no name that Hydra finds under %s',
    (pattern) => {
      const found = Object.values(ownNamesOf(createKeys(), 'math')).filter((key) => matches(pattern, key));
      expect(found).toEqual([]);
    },
  );

  it('gives no two things one name', () => {
    const names = Object.values(namesOf(createKeys()));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the layout with hash tags', () => {
  const keys = createKeys({ layout: 'hash-tags' });

  it('puts all keys of a service into one slot, and all of a stream', () => {
    const { stream, ownStream, nodes, directory, bridge, directoryChanges, ...ofService } = namesOf(keys);
    for (const key of Object.values(ofService)) expect(/\{(.+?)\}/.exec(key)?.[1]).toBe('math');
    for (const key of [stream, ownStream]) expect(/\{(.+?)\}/.exec(key!)?.[1]).toBe('orders');
    for (const key of [nodes, directory, bridge, directoryChanges]) expect(key).not.toContain('{');
  });
});

it('a namespace comes first in every name', () => {
  for (const layout of ['classic', 'hash-tags'] as const) {
    const names = Object.values(namesOf(createKeys({ namespace: 'stage', layout })));
    expect(names.filter((name) => !name.startsWith('stage:'))).toEqual([]);
  }
});
