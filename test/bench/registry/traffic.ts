import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

/** What Redis carried out and moved, a second. */
export interface Traffic {
  readonly commands: number;
  readonly bytes: number;
  /** Share of one core that Redis used. */
  readonly cpu: number;
}

/** Over `durationMs`, this measurement's own traffic left out. */
export async function measureTraffic(redisUrl: string, durationMs: number): Promise<Traffic> {
  const redis = new Redis(redisUrl);
  const before = await read(redis);
  await sleep(durationMs);
  const after = await read(redis);
  redis.disconnect();
  const perSecond = (name: keyof typeof before) => (after[name] - before[name]) / (durationMs / 1_000);
  return {
    commands: perSecond('commands') - 3_000 / durationMs,
    bytes: perSecond('bytes'),
    cpu: perSecond('cpu'),
  };
}

/** What clients send, a second: MONITOR shows it apart from what scripts run. Read by hand, as the driver mistakes what comes at the end. */
export async function countSent(redisUrl: string, durationMs: number): Promise<number> {
  const { hostname, port } = new URL(redisUrl);
  const socket = connect(Number(port), hostname);
  let sent = 0;
  createInterface({ input: socket }).on('line', (line) => {
    if (/^\+[\d.]+ \[\d+ (?!lua\])/.test(line)) sent++;
  });
  socket.write('MONITOR\r\n');
  await sleep(durationMs);
  socket.destroy();
  return sent / (durationMs / 1_000);
}

async function read(redis: Redis) {
  const text = `${await redis.info('stats')}\n${await redis.info('cpu')}\n${await redis.info('commandstats')}`;
  const sum = (pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  // Commands that a script runs are counted too; what a client sends is the script alone.
  return {
    commands: sum(/cmdstat_(?:evalsha|smembers|hkeys|hmget|exists|pexpire|ping):calls=(\d+)/g),
    bytes: sum(/total_net_(?:input|output)_bytes:(\d+)/g),
    cpu: sum(/used_cpu_(?:user|sys):([\d.]+)/g),
  };
}
