import { startAclRedis, type AclRedis } from '../support/acl.js';
import type { AclOptions } from '../../lib/index.js';

let acl: AclRedis;

/** What a user named after its service may be, and nothing of what is listed below. */
const USERS: Readonly<Record<string, AclOptions>> = {
  whole: {
    roles: ['service', 'worker', 'logger'],
    calls: ['known'],
    queues: ['known'],
    streams: ['known'],
  },
  caller: { roles: ['caller'], calls: ['known'] },
  producer: { roles: [], queues: ['known'] },
  publisher: { roles: [], streams: ['known'] },
  consumer: { roles: [], consumes: ['known'] },
  configreader: { roles: [], readsConfig: ['known'] },
  upkeep: { roles: ['upkeep'] },
  reader: { roles: ['reader'] },
  dashboard: { roles: ['dashboard'] },
  doctor: { roles: ['doctor'] },
};

/** The business of a service that nobody here has to do with. */
const FOREIGN: readonly string[] = [
  'PUBLISH hydra:service:mc:foreign {}',
  'PUBLISH hydra:service:mc:foreign:id {}',
  'PUBLISH hydra:service:foreign:config:announcements x',
  'PUBLISH hydra:service:foreign:queue:default:events x',
  'SET hydra:service:foreign:service x',
  'HSET hydra:service:foreign:configs 1.0.0 {}',
  'DEL hydra:service:foreign:configs',
  'LPUSH hydra:service:foreign:config:history x',
  'LPUSH hydra:service:foreign:mqrecieved x',
  'RPOP hydra:service:foreign:mqrecieved',
  'ZADD hydra:service:foreign:queue:default:delayed 1 x',
  'DEL hydra:service:foreign:queue:default:ids',
  'LPUSH hydra:service:foreign:id:health:log x',
  'XADD hydra:stream:foreign * a b',
  'XTRIM hydra:stream:foreign MAXLEN 0',
  'XGROUP DESTROY hydra:stream:foreign g',
  'DEL hydra:stream:foreign',
  'SET elsewhere x',
  'GET elsewhere',
  'SUBSCRIBE elsewhere',
  'PSUBSCRIBE *',
  'EVALSHA x 1 hydra:service:foreign:configs',
  'DEL hydra:service:nodes',
  'FLUSHALL',
  'FLUSHDB',
  'KEYS *',
  'CONFIG SET maxmemory 1',
  'ACL SETUSER someone on',
  'DEBUG SLEEP 1',
  'SHUTDOWN',
  'MONITOR',
  'CLIENT KILL TYPE normal',
  'SCRIPT FLUSH',
  'RENAME elsewhere anywhere',
];
/** What each role has to do with is not foreign to it. */
const ALLOWED: Readonly<Record<string, RegExp>> = {
  // A pattern for the announcements of all services matches those of their configurations too.
  upkeep: /^DEL hydra:service:nodes$|^PUBLISH hydra:service:foreign:config:announcements/,
};

beforeAll(async () => {
  acl = await startAclRedis();
});

it.each(Object.entries(USERS))(
  'the user of a %s is refused whatever is not its own',
  async (name, options) => {
    await acl.userFor(name, options);
    const wanted = FOREIGN.filter((text) => !ALLOWED[name]?.test(text));
    const answers = await Promise.all(
      wanted.map((text) => acl.admin.call('ACL', 'DRYRUN', name, ...text.split(' '))),
    );
    const allowed = wanted.filter((_, index) => answers[index] === 'OK');
    expect(allowed).toEqual([]);
    expect(wanted.length * Object.keys(USERS).length).toBeGreaterThan(200);
  },
);

it('the user of a service may do what it is there for', async () => {
  await acl.userFor('orders', { calls: ['payments'], queues: ['mail'], streams: ['audit'] });
  const own = [
    'PUBLISH hydra:service:mc:payments:id {}',
    'PUBLISH hydra:service:mc:anybody:id:r {}',
    'LPUSH hydra:service:mail:mqrecieved x',
    'XADD hydra:stream:audit * a b',
    'SUBSCRIBE hydra:service:mc:orders hydra:service:mc:orders:id hydra:service:payments:announcements',
    'EVALSHA x 2 hydra:service:orders:instances hydra:service:nodes',
    'EVALSHA_RO x 2 hydra:service:payments:instances hydra:service:payments:epoch',
  ];
  const answers = await Promise.all(
    own.map((text) => acl.admin.call('ACL', 'DRYRUN', 'orders', ...text.split(' '))),
  );
  expect(own.filter((_, index) => answers[index] !== 'OK')).toEqual([]);
});
