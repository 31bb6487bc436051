import { readFileSync } from 'node:fs';

import { CHECKS } from '../../../lib/doctor/checks/checks.js';
import { judge } from '../../../lib/doctor/judge.js';
import { createProgram } from '../../../lib/cli/program.js';
import { fixOf } from '../../../lib/redis/faults/fault.js';
import type {
  Evidence,
  Facts,
  SeenGroup,
  SeenInstance,
  SeenQueue,
  SeenServer,
} from '../../../lib/doctor/evidence/facts.js';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-01-31T00:00:00Z');

const instance: SeenInstance = {
  service: 'math',
  id: 'a',
  version: '1.0.0',
  isOurs: true,
  acceptsCalls: true,
  config: '1.0.0@3',
  listeners: 1,
};

const jobs: SeenQueue = {
  service: 'math',
  queue: 'default',
  waiting: 3,
  deadLetters: 0,
  inProgress: 0,
  workers: 1,
  isPaused: false,
  oldestMs: 2_000,
  unhandled: {},
};

const entries: SeenGroup = {
  stream: 'orders',
  group: 'math',
  lag: 2,
  unreadMs: 3_000,
  pending: 1,
  heldByGone: 0,
  readers: 1,
  foreignIdleMs: undefined,
  lost: 0,
  lostKey: 'hydra:stream:orders:lost:math',
  deadLetters: 0,
};

const HEALTHY: Facts = {
  connection: { reason: undefined, isRefused: false },
  silent: [],
  link: {
    host: 'redis.example',
    isLocal: false,
    isEncrypted: true,
    hasPassword: true,
    certificateDays: 80,
    roundTripMs: 0.4,
  },
  info: {
    redis_version: '7.4.6',
    role: 'master',
    loading: '0',
    slave0: 'ip=10.0.0.1,port=6379,state=online,offset=1,lag=0',
    connected_clients: '40',
    maxclients: '10000',
    rejected_connections: '0',
    maxmemory_policy: 'noeviction',
    maxmemory: '1000000000',
    used_memory: '500000000',
    mem_fragmentation_ratio: '1.1',
    evicted_keys: '0',
    aof_enabled: '1',
    aof_last_write_status: 'ok',
    rdb_last_bgsave_status: 'ok',
    rdb_changes_since_last_save: '7',
    rdb_last_save_time: String(NOW / 1_000),
    client_output_buffer_limit_disconnections: '0',
  },
  settings: {
    appendfsync: 'everysec',
    'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
  },
  cluster: { cluster_state: 'ok' },
  clients: { monitors: 0 },
  patterns: 0,
  slow: [{ ms: 12, command: 'EVALSHA' }],
  rights: { user: 'math', service: 'math', missing: [] },
  otherLayout: [],
  clock: { aheadMs: 40, redisMs: NOW },
  instances: [instance],
  services: [{ service: 'math', dead: 0 }],
  health: [{ service: 'math', problems: [], warnings: [] }],
  configurations: [{ service: 'math', revisions: { '1.0.0': '3' } }],
  nodes: 1,
  queues: [jobs],
  streams: [{ stream: 'orders', length: 1_000 }],
  groups: [entries],
  process: {
    nodeVersion: 'v22.12.0',
    heapUsed: 50,
    heapLimit: 1_000,
    maxFiles: 65_536,
    maxPayloadBytes: 1_048_576,
    refused: [],
  },
};

const evidenceOf = (facts: Facts) =>
  Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, { value }])) as unknown as Evidence;
const found = (facts: Facts) =>
  judge(evidenceOf(facts)).findings.map(({ id, severity }) => `${severity} ${id}`);

const info = (values: Record<string, string>): Partial<Facts> => ({ info: { ...HEALTHY.info, ...values } });
const link = (values: Partial<Facts['link']>): Partial<Facts> => ({ link: { ...HEALTHY.link, ...values } });
const own = (values: Partial<Facts['process']>): Partial<Facts> => ({
  process: { ...HEALTHY.process, ...values },
});
const seen = (values: Partial<SeenInstance>): Partial<Facts> => ({ instances: [{ ...instance, ...values }] });
const queue = (values: Partial<SeenQueue>): Partial<Facts> => ({ queues: [{ ...jobs, ...values }] });
const group = (values: Partial<SeenGroup>): Partial<Facts> => ({ groups: [{ ...entries, ...values }] });
const health = (values: Partial<Facts['health'][number]>): Partial<Facts> => ({
  health: [{ service: 'math', problems: [], warnings: [], ...values }],
});
const versions = (...some: string[]): Partial<Facts> => ({
  instances: some.map((version) => ({ ...instance, version })),
});

/** What is changed in healthy facts, and the one finding of it. */
const PROVOKED: readonly (readonly [finding: string, facts: Partial<Facts>])[] = [
  ['error reach.unreachable', { connection: { reason: 'ECONNREFUSED', isRefused: false } }],
  ['error reach.refused', { connection: { reason: 'WRONGPASS', isRefused: true } }],
  ['error reach.silent', { silent: ['10.0.0.2:6379'] }],
  ['info reach.plaintext', link({ isEncrypted: false })],
  ['warning reach.no-password', link({ hasPassword: false })],
  ['warning reach.certificate', link({ certificateDays: 10 })],
  ['error reach.certificate', link({ certificateDays: -1 })],
  ['warning reach.slow', link({ roundTripMs: 40 })],
  ['error server.too-old', info({ redis_version: '6.0.16' })],
  ['info server.vulnerable', info({ redis_version: '7.4.1' })],
  ['info server.vulnerable', info({ redis_version: '7.2.4', valkey_version: '8.1.1' })],
  ['error server.replica', info({ role: 'slave' })],
  ['error server.loading', info({ loading: '1' })],
  ['warning server.replica-link', info({ slave0: 'ip=10.0.0.1,port=6379,state=wait_bgsave' })],
  ['warning server.clients', info({ connected_clients: '9000' })],
  ['warning server.rejected', info({ rejected_connections: '2' })],
  ['error server.cluster-down', { cluster: { cluster_state: 'fail', cluster_slots_ok: '10923' } }],
  ['warning server.slow-commands', { slow: [{ ms: 400, command: 'KEYS' }] }],
  ['info clock.differs', { clock: { aheadMs: -9_000, redisMs: NOW } }],
  ['error memory.eviction', info({ maxmemory_policy: 'allkeys-lru' })],
  ['warning memory.eviction', info({ maxmemory_policy: 'volatile-lru', maxmemory: '0' })],
  ['error memory.evicted', info({ evicted_keys: '5' })],
  ['warning memory.full', info({ used_memory: '850000000' })],
  ['error memory.full', info({ used_memory: '990000000' })],
  ['info memory.fragmented', info({ mem_fragmentation_ratio: '3.2' })],
  ['warning persistence.off', info({ aof_enabled: '0' })],
  ['warning persistence.fsync', { settings: { ...HEALTHY.settings, appendfsync: 'no' } }],
  ['error persistence.aof-failed', info({ aof_last_write_status: 'err' })],
  ['error persistence.snapshot-failed', info({ rdb_last_bgsave_status: 'err' })],
  [
    'warning buffers.pubsub',
    { settings: { ...HEALTHY.settings, 'client-output-buffer-limit': 'normal 0 0 0 pubsub 1048576 0 0' } },
  ],
  ['warning buffers.overrun', info({ client_output_buffer_limit_disconnections: '1' })],
  ['warning monitors.monitor', { clients: { monitors: 1 } }],
  ['warning monitors.patterns', { patterns: 2 }],
  ['error rights.missing', { rights: { ...HEALTHY.rights, missing: ['PUBLISH hydra:service:mc:math'] } }],
  ['warning rights.refused', own({ refused: ['[FORBIDDEN] SUBSCRIBE'] })],
  ['warning layout.other', { otherLayout: ['shop'] }],
  ['info registry.empty', { instances: [] }],
  ['warning registry.dead', { services: [{ service: 'math', dead: 2 }] }],
  ['error registry.deaf', seen({ listeners: 0 })],
  ['error registry.problems', health({ problems: ['redis: lost'] })],
  ['warning registry.warnings', health({ warnings: ['queue: full'] })],
  ['info registry.versions', versions('1.0.0', '1.1.0', '1.2.0')],
  ['info registry.stale-nodes', { nodes: 500 }],
  ['error queues.no-worker', queue({ workers: 0 })],
  ['error queues.no-handler', queue({ unhandled: { resize: 2 } })],
  ['warning queues.old', queue({ oldestMs: 900_000 })],
  ['warning queues.dead-letters', queue({ deadLetters: 4 })],
  ['info queues.paused', queue({ isPaused: true })],
  ['warning queues.hydra-in-progress', queue({ inProgress: 1 })],
  ['warning configuration.behind', { configurations: [{ service: 'math', revisions: { '1.0.0': '4' } }] }],
  ['error streams.unread', group({ readers: 0 })],
  ['error streams.unread', group({ readers: 0, lag: undefined, pending: 0 })],
  ['error streams.unread', group({ readers: 0, foreignIdleMs: 7_200_000, lag: 0, unreadMs: undefined })],
  ['warning streams.lag', group({ unreadMs: 900_000 })],
  ['warning streams.lag', group({ readers: 0, foreignIdleMs: 100, unreadMs: 900_000 })],
  ['warning streams.held', group({ heldByGone: 1 })],
  ['warning streams.trimmed', group({ lost: 5 })],
  ['warning streams.dead-letters', group({ deadLetters: 1 })],
  ['info streams.long', { streams: [{ stream: 'orders', length: 2_000_000 }] }],
  ['warning process.node', own({ nodeVersion: 'v18.20.0' })],
  ['warning process.memory', own({ heapUsed: 950 })],
  ['info process.files', own({ maxFiles: 256 })],
];

/** As the page has it, up to the next heading. */
const SECTION = /^### [a-z]+\.[a-z-]+\n\n.+$/gm;
const sectionOf = ({ id, severity, why, fix }: (typeof CHECKS)[number]) => {
  const name = `${severity[0]!.toUpperCase()}${severity.slice(1)}`;
  return `### ${id}\n\n${name}: ${why}. To mend it: ${fix}.`;
};

describe('the doctor', () => {
  it('finds nothing where all is well', () => {
    expect(found(HEALTHY)).toEqual([]);
    expect(judge(evidenceOf(HEALTHY)).notLookedAt).toEqual([]);
  });

  it.each(PROVOKED)('finds %s, and nothing else, while it is there', (finding, facts) => {
    expect(found({ ...HEALTHY, ...facts })).toEqual([finding]);
    expect(found(HEALTHY)).toEqual([]);
  });

  it.each([
    [queue({ queue: 'slow', deadLetters: 4 }), [{ service: 'math', queue: 'slow' }]],
    [queue({ workers: 0 }), [{ service: 'math', queue: 'default' }]],
    [group({ deadLetters: 1 }), [{ stream: 'orders', group: 'math' }]],
    [{ streams: [{ stream: 'orders', length: 2_000_000 }] }, [{ stream: 'orders' }]],
    [seen({ listeners: 0 }), [{ service: 'math', instance: 'a' }]],
    [health({ problems: ['redis: lost'] }), [{ service: 'math' }]],
    [versions('1.0.0', '1.1.0', '1.2.0'), [{ service: 'math' }]],
    [{ configurations: [{ service: 'math', revisions: { '1.0.0': '4' } }] }, [{ service: 'math' }]],
    [{ services: [{ service: 'math', dead: 2 }] }, [{ service: 'math' }]],
    [info({ evicted_keys: '5' }), []],
  ] satisfies [Partial<Facts>, object[]][])('says for programs what a finding is about', (facts, about) => {
    expect(judge(evidenceOf({ ...HEALTHY, ...facts })).findings.map((one) => one.about)).toEqual([about]);
  });

  it('names twenty of those that a finding is about, each once', () => {
    const many = Array.from({ length: 30 }, (_, n) => ({ ...jobs, service: `s${n >> 1}`, deadLetters: 1 }));
    const { findings } = judge(evidenceOf({ ...HEALTHY, queues: [...many, ...many] }));
    expect(findings[0]!.about).toHaveLength(15);
    const more = Array.from({ length: 30 }, (_, n) => ({ ...jobs, service: `s${n}`, deadLetters: 1 }));
    expect(judge(evidenceOf({ ...HEALTHY, queues: more })).findings[0]!.about).toHaveLength(20);
  });

  it('finds an old snapshot where there is no append-only file', () => {
    const facts = info({ aof_enabled: '0', rdb_last_save_time: String((NOW - 3 * DAY_MS) / 1_000) });
    expect(found({ ...HEALTHY, ...facts })).toEqual([
      'warning persistence.off',
      'info persistence.old-snapshot',
    ]);
  });

  it('has each finding provoked here, once in the list, and explained in the page in the same words', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const provoked = new Set([
      ...PROVOKED.map(([finding]) => finding.split(' ')[1]),
      'persistence.old-snapshot',
    ]);
    expect(ids.filter((id) => !provoked.has(id))).toEqual([]);
    expect(
      [...readFileSync('docs/doctor.md', 'utf8').matchAll(SECTION)].map(([text]) => text.trim()),
    ).toEqual(CHECKS.map(sectionOf));
  });

  it('links to sections that are there', () => {
    const { findings } = judge(evidenceOf({ ...HEALTHY, ...queue({ workers: 0 }), patterns: 1 }));
    const headings = [...readFileSync('docs/doctor.md', 'utf8').matchAll(/^#+ (.+)$/gm)];
    const anchors = headings.map(([, heading]) => heading!.toLowerCase().replaceAll('.', ''));
    expect(findings.map(({ docs }) => docs.split('#')[0])).toEqual(['docs/doctor.md', 'docs/doctor.md']);
    for (const { docs } of findings) expect(anchors).toContain(docs.split('#')[1]);
  });

  it('mends with commands that are there', () => {
    const lines = CHECKS.flatMap(({ fix }) => [...fix.matchAll(/npx nestjs-hydra ([a-z -]+)/g)]);
    expect(lines.length).toBeGreaterThan(15);
    for (const [, line = ''] of lines) {
      const [name, inner = ''] = line.trim().split(' ');
      const command = createProgram().commands.find((one) => one.name() === name);
      expect([line, command?.name()]).toEqual([line, name]);
      const isGroup = command!.commands.length > 0;
      const names = command!.commands.map((one) => one.name());
      // `logs <service>` is a command beside those of its group.
      if (isGroup && inner !== '') expect(names).toContain(inner);
      else if (isGroup) expect(command!.registeredArguments.length).toBeGreaterThan(0);
    }
  });

  it('names the first that it concerns in what mends it', () => {
    const { findings } = judge(
      evidenceOf({
        ...HEALTHY,
        ...queue({ queue: 'mails', deadLetters: 1 }),
        ...group({ lost: 2, deadLetters: 3 }),
      }),
    );
    expect(findings.map(({ fix }) => fix)).toEqual([
      'npx nestjs-hydra queue dead math --queue mails; then npx nestjs-hydra queue redrive math --queue mails --all, or queue clean',
      'publish with a larger maxLen, or start more instances; DEL hydra:stream:orders:lost:math begins the count again',
      'npx nestjs-hydra stream dead orders math; then npx nestjs-hydra stream redrive orders math --all, or stream remove',
    ]);
    expect(fixOf('<host>:<port>', { host: 'n1' })).toBe('n1:<port>');
  });

  it('judges each server by its own facts, and says once what several have in common', () => {
    const {
      info: _,
      settings: __,
      clients: ___,
      patterns: ____,
      slow: _____,
      ...shared
    } = evidenceOf(HEALTHY);
    const server = (name: string, values: Record<string, string>, monitors = 0): SeenServer => {
      const { settings, patterns, slow, ...others } = evidenceOf({
        ...HEALTHY,
        ...info(values),
        clients: { monitors },
      });
      return { name, evidence: { info: others.info, clients: others.clients, settings, patterns, slow } };
    };
    const bad = { maxmemory_policy: 'allkeys-lru', maxmemory: '0' };
    const worse = { maxmemory_policy: 'allkeys-lru' };
    const servers = [server('n1:1', {}, 2), server('n2:1', bad), server('n3:1', worse)];
    const silent: SeenServer = {
      name: 'n4:1',
      evidence: { ...servers[0]!.evidence, info: { why: 'INFO: no answer within 1500 ms' } },
    };
    const { findings, notLookedAt } = judge({ ...servers[0]!.evidence, ...shared }, [...servers, silent]);
    expect(findings.map(({ severity, what }) => `${severity} ${what}`)).toEqual([
      'error maxmemory-policy is allkeys-lru (n2:1, n3:1)',
      'warning 2 connections run MONITOR (n1:1, n4:1)',
    ]);
    expect(notLookedAt.map(({ why }) => why)).toEqual(['INFO: no answer within 1500 ms (n4:1)']);
    expect(notLookedAt[0]!.ids).toContain('memory.eviction');
  });

  it('says what of a part it has not looked at, and judges the rest', () => {
    const note = 'only 250 of 400 queues were looked at';
    const { findings, notLookedAt } = judge({
      ...evidenceOf(HEALTHY),
      queues: { value: [{ ...jobs, workers: 0 }], partly: [note] },
    });
    expect(findings.map(({ id }) => id)).toEqual(['queues.no-worker']);
    expect(notLookedAt).toEqual([
      { why: note, ids: CHECKS.filter(({ needs }) => needs.includes('queues')).map(({ id }) => id) },
    ]);
  });

  it('says what it could not look at, and why, and finds the rest', () => {
    const refused = { why: 'CONFIG GET appendfsync: NOPERM' };
    const { findings, notLookedAt } = judge({
      ...evidenceOf({ ...HEALTHY, ...info({ evicted_keys: '5' }) }),
      settings: refused,
    });
    expect(findings.map(({ id }) => id)).toEqual(['memory.evicted']);
    expect(notLookedAt).toEqual([{ ids: ['persistence.fsync', 'buffers.pubsub'], why: refused.why }]);
  });

  it('names the worst first', () => {
    const facts = { ...HEALTHY, ...queue({ isPaused: true, deadLetters: 1, workers: 0 }) };
    expect(found(facts).map((line) => line.split(' ')[0])).toEqual(['error', 'warning', 'info']);
  });
});
