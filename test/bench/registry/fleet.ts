/**
 * Many instances in one process: each is renewed every second by the very commands a real one sends, at a moment of its
 * own. Only the connection is shared.
 */
import { randomUUID } from 'node:crypto';

import { answerCommands } from '../support/commands.js';
import { beat, createKeys, encodeNode, RedisConnections, resolveOptions } from './library.js';

const PER_SERVICE = 100;
const INTERVAL_MS = 1_000;

interface Member {
  readonly id: string;
  readonly service: string;
  timer: NodeJS.Timeout;
}

const redisUrl = process.env['BENCH_REDIS_URL'] ?? '';
const options = resolveOptions({ service: 'fleet', redis: redisUrl });
const redis = new RedisConnections(options);
const keys = createKeys();
const members: Member[] = [];
await redis.connect();

async function renew({ id, service }: Pick<Member, 'id' | 'service'>): Promise<void> {
  const record = encodeNode({
    id,
    service,
    description: 'one of many',
    version: '1.0.0',
    updatedOn: new Date().toISOString(),
    pid: process.pid,
    host: '127.0.0.1',
    port: 3000,
    hostName: 'bench',
    capabilities: { wireVersion: 2, acceptsCalls: true, tags: ['bench'] },
  });
  const args = [
    ...[
      keys.presence(service, id),
      keys.beats(service),
      keys.instances(service),
      keys.epoch(service),
      keys.nodes,
    ],
    ...[id, 3_000, record, keys.announcements(service), 'beat'],
  ];
  await beat.run(redis.commands, args, 5);
}

async function join(service: string, delayMs = 0): Promise<void> {
  const member = { id: randomUUID().replaceAll('-', ''), service };
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await renew(member);
  const timer = setInterval(() => void renew(member), INTERVAL_MS);
  members.push({ ...member, timer });
}

const serviceOf = (index: number) => `bench-${Math.floor(index / PER_SERVICE)}`;

answerCommands({
  /** Brings the fleet to this size. */
  async grow({ to }: { to: number }): Promise<void> {
    const first = members.length;
    const services = new Set(Array.from({ length: to }, (_, index) => serviceOf(index)));
    await redis.commands.sadd(keys.directory, ...services);
    await Promise.all(
      Array.from({ length: to - first }, (_, index) =>
        join(serviceOf(first + index), Math.random() * INTERVAL_MS),
      ),
    );
  },
  /** One more, in a service that is watched; returns when it was sent, in epoch milliseconds. */
  async joinOne(): Promise<number> {
    const at = performance.timeOrigin + performance.now();
    await join(serviceOf(0));
    return at;
  },
  /** This share of them falls silent at once, as with a power cut. */
  die({ share }: { share: number }): number {
    const dying = members.splice(0, Math.floor(members.length * share));
    for (const { timer } of dying) clearInterval(timer);
    return dying.length;
  },
});
