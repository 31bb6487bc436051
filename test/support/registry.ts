import { connect } from 'node:net';

import { Redis } from 'ioredis';

import { resolveOptions, type HydraOptions } from '../../lib/hydra-options.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from './at-end.js';
import { eventually } from './eventually.js';
import { asOwnUser } from './own-user.js';

/**
 * One instance without an application around it; announced, as one that serves, unless told otherwise. Closed at the end of
 * the test file.
 */
export async function startInstance(options: HydraOptions, { announce = true } = {}): Promise<HydraInstance> {
  const instance = new HydraInstance(resolveOptions(asOwnUser(options)));
  atEnd(() => instance.close());
  if (announce) await instance.presence.update({ capabilities: { acceptsCalls: true } });
  await (announce ? instance.announce() : instance.open());
  return instance;
}

/** A plain connection, for looking at what is in Redis and for breaking it. */
export function connectTo(url: string): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
    disconnectTimeout: 50,
  });
  redis.on('error', () => undefined);
  atEnd(() => redis.disconnect());
  return redis;
}

/** Every command that Redis is given while `act` runs, by anybody: `[name, ...arguments]` each, as MONITOR prints them. */
export async function monitored(url: string, act: () => Promise<void>): Promise<string[][]> {
  return (await monitorLines(url, act)).map(wordsOf);
}

/** As {@link monitored}, without the commands that scripts run: what clients send. */
export async function sentWhile(url: string, act: () => Promise<void>): Promise<string[][]> {
  const lines = await monitorLines(url, act);
  return lines.filter((line) => /^\+[\d.]+ \[\d+ (?!lua\])/.test(line)).map(wordsOf);
}

/** Over a plain socket: the driver takes a line that comes together with MONITOR's own answer for a reply to something else. */
async function monitorLines(url: string, act: () => Promise<void>): Promise<readonly string[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('MONITOR\r\n');
  await eventually(() => text.startsWith('+OK'), { what: 'MONITOR' });
  try {
    await act();
  } finally {
    socket.destroy();
  }
  return text.split('\r\n').slice(1);
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word);
}

/** A Hydra 1.x instance as its keys show it, without the process: present until `stop`. */
export function fakeLegacyInstance(
  redis: Redis,
  service: string,
  id: string,
): { beat(): Promise<void>; stop(): void } {
  const beat = async () => {
    await redis.setex(`hydra:service:${service}:${id}:presence`, 3, id);
    const node = {
      serviceName: service,
      instanceID: id,
      updatedOn: new Date().toISOString(),
      ip: '127.0.0.1',
    };
    await redis.hset(
      'hydra:service:nodes',
      id,
      JSON.stringify({ ...node, port: 1, processID: 1, version: '1.0.0' }),
    );
  };
  const timer = setInterval(() => void beat().catch(() => undefined), 1_000);
  atEnd(() => clearInterval(timer));
  return { beat, stop: () => clearInterval(timer) };
}
