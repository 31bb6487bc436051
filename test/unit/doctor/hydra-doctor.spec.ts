import { readFileSync } from 'node:fs';

import { CHECKS, judge } from '../../../lib/doctor/hydra-doctor.js';
import type { Evidence, Facts, SeenInstance, SeenService } from '../../../lib/doctor/finding.js';

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
  problems: [],
  warnings: [],
};

const service: SeenService = {
  service: 'math',
  dead: 0,
  waiting: 3,
  deadLetters: 0,
  inProgress: 0,
  workers: 1,
  isPaused: false,
  oldestMs: 2_000,
  revisions: { '1.0.0': '3' },
};

const HEALTHY: Facts = {
  connection: { reason: undefined, isRefused: false },
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
  rights: { user: 'math', missing: [] },
  otherLayout: [],
  clock: { aheadMs: 40, redisMs: NOW },
  instances: [instance],
  services: [service],
  nodes: 1,
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
const queue = (values: Partial<SeenService>): Partial<Facts> => ({ services: [{ ...service, ...values }] });
const versions = (...some: string[]): Partial<Facts> => ({
  instances: some.map((version) => ({ ...instance, version })),
});

/** What is changed in healthy facts, and the one finding of it. */
const PROVOKED: readonly (readonly [finding: string, facts: Partial<Facts>])[] = [
  ['error reach.unreachable', { connection: { reason: 'ECONNREFUSED', isRefused: false } }],
  ['error reach.refused', { connection: { reason: 'WRONGPASS', isRefused: true } }],
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
  ['error rights.missing', { rights: { user: 'math', missing: ['PUBLISH hydra:service:mc:math'] } }],
  ['warning rights.refused', own({ refused: ['[FORBIDDEN] SUBSCRIBE'] })],
  ['warning layout.other', { otherLayout: ['shop'] }],
  ['info registry.empty', { instances: [] }],
  ['warning registry.dead', queue({ dead: 2 })],
  ['error registry.deaf', seen({ listeners: 0 })],
  ['error registry.problems', seen({ problems: ['redis: lost'] })],
  ['warning registry.warnings', seen({ warnings: ['queue: full'] })],
  ['info registry.versions', versions('1.0.0', '1.1.0', '1.2.0')],
  ['info registry.stale-nodes', { nodes: 500 }],
  ['error queues.no-worker', queue({ workers: 0 })],
  ['warning queues.old', queue({ oldestMs: 900_000 })],
  ['warning queues.dead-letters', queue({ deadLetters: 4 })],
  ['info queues.paused', queue({ isPaused: true })],
  ['warning queues.hydra-in-progress', queue({ inProgress: 1 })],
  ['warning configuration.behind', queue({ revisions: { '1.0.0': '4' } })],
  ['warning process.node', own({ nodeVersion: 'v18.20.0' })],
  ['warning process.memory', own({ heapUsed: 950 })],
  ['info process.files', own({ maxFiles: 256 })],
];

describe('the doctor', () => {
  it('finds nothing where all is well', () => {
    expect(found(HEALTHY)).toEqual([]);
    expect(judge(evidenceOf(HEALTHY)).notLookedAt).toEqual([]);
  });

  it.each(PROVOKED)('finds %s, and nothing else, while it is there', (finding, facts) => {
    expect(found({ ...HEALTHY, ...facts })).toEqual([finding]);
    expect(found(HEALTHY)).toEqual([]);
  });

  it('finds an old snapshot where there is no append-only file', () => {
    const facts = info({ aof_enabled: '0', rdb_last_save_time: String((NOW - 3 * DAY_MS) / 1_000) });
    expect(found({ ...HEALTHY, ...facts })).toEqual([
      'warning persistence.off',
      'info persistence.old-snapshot',
    ]);
  });

  it('has each finding provoked here, once in the list, and explained in the page', () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const provoked = new Set([
      ...PROVOKED.map(([finding]) => finding.split(' ')[1]),
      'persistence.old-snapshot',
    ]);
    expect(ids.filter((id) => !provoked.has(id))).toEqual([]);
    const page = readFileSync('docs/doctor.md', 'utf8');
    expect(ids.filter((id) => !page.includes(`\n### ${id}\n`))).toEqual([]);
    for (const { id, docs } of CHECKS) expect(docs).toBe(`docs/doctor.md#${id.replaceAll('.', '')}`);
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
