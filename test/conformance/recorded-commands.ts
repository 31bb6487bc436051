import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import {
  ConfigStore,
  HydraClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const seen = { jobs: 0, failures: 0, entries: 0, poison: 0 };

@Controller()
class Everything {
  @MessagePattern('sum')
  sum([a, b]: [number, number]): number {
    return a + b;
  }

  @QueuePattern('job')
  job(): string {
    seen.jobs++;
    return 'done';
  }

  @QueuePattern('failing')
  failing(): void {
    seen.failures++;
    throw new Error('fails');
  }

  @StreamPattern('events')
  entry(): void {
    seen.entries++;
  }

  @StreamPattern('ordered', { orderBy: 'key' })
  ordered(): void {
    seen.entries++;
  }

  @StreamPattern('poison', { attempts: 1 })
  poison(): void {
    seen.poison++;
    throw new Error('fails');
  }
}

/** Only about the connection, or answered by what only one server has. */
const LEFT_OUT = [
  'hello',
  'client',
  'info',
  'subscribe',
  'unsubscribe',
  'ping',
  'config',
  'auth',
  'select',
  'command',
  'monitor',
  'role',
  'time',
  'acl',
];

/** What an application with all features sends to a Redis, in its order, scripts with their texts. */
export async function recordCommands(url: string): Promise<string[][]> {
  const redis = new Redis(url);
  const watcher = await redis.monitor();
  const recorded: string[][] = [];
  const texts = new Map<string, string>();
  watcher.on('monitor', (_time: string, argv: string[], source: string) => {
    if (source === 'lua') return;
    const command = portable(argv.map(unescaped), texts);
    if (command) recorded.push(command);
  });
  await useEverything(url);
  watcher.disconnect();
  redis.disconnect();
  return recorded;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

/** MONITOR escapes what it shows, and the driver turns only the quotes back. */
function unescaped(text: string): string {
  const bytes = text.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}

function portable(argv: readonly string[], texts: Map<string, string>): string[] | undefined {
  const [given = '', ...args] = argv;
  const name = given.toLowerCase();
  if (LEFT_OUT.includes(name)) return undefined;
  if (name === 'eval') texts.set(createHash('sha1').update(args[0]!).digest('hex'), args[0]!);
  if (name === 'evalsha') {
    const text = texts.get(args[0]!);
    return text === undefined ? undefined : ['eval', text, ...args.slice(1)];
  }
  if (name === 'blmove') return ['lmove', ...args.slice(0, -1)];
  const at = args.findIndex((word) => word.toLowerCase() === 'block');
  return [name, ...(at < 0 ? args : args.toSpliced(at, 2))];
}

async function useEverything(redis: string): Promise<void> {
  const service = uniqueService('recorded');
  const queue = { attempts: 2, backoff: { type: 'fixed', delayMs: 10 } } as const;
  const streams = { attempts: 1, retryMinMs: 10, retryMaxMs: 10 };
  const running = await startService({ service, redis, queue, streams }, [Everything]);
  const client = new HydraClient({ service: uniqueService('caller'), redis });
  await firstValueFrom(client.send(`${service}:sum`, [1, 2])).catch(() => undefined);
  await useQueues(running.app.get(QueueService));
  await useStreams(running.app.get(StreamService));
  await useConfig(running.app.get(ConfigStore));
  await client.close();
  await running.close();
}

async function useQueues(queues: QueueService): Promise<void> {
  await queues.add('job', { n: 1 }).result();
  await queues.add('job', { n: 2 }, { id: 'once' });
  await queues.add('job', { n: 2 }, { id: 'once' });
  await queues.add('job', { n: 3 }, { delayMs: 50 });
  await queues.add('job', { n: 4 }, { priority: 'high' });
  await queues.addBulk([1, 2, 3].map((n) => ({ pattern: 'job', data: { n } })));
  await queues
    .add('failing', '\u00e9 \u20ac')
    .result()
    .catch(() => undefined);
  await queues.pause();
  await queues.add('job', 'removed', { id: 'removed' });
  await queues.counts();
  for (const state of ['waiting', 'delayed', 'active', 'completed', 'dead'] as const)
    await queues.list(state).catch(() => undefined);
  await queues.get('removed');
  await queues.remove('removed');
  await queues.remove('nosuch');
  await queues.repeat('often', '* * * * * *', 'job', 'tick');
  await queues.schedules();
  await queues.resume();
  await eventually(() => seen.jobs >= 9, { what: 'jobs to run' });
  await queues.stopRepeating('often');
  await queues.deadLetters();
  await queues.redrive('all');
  await eventually(() => seen.failures >= 4, { what: 'the dead letter to run again' });
}

async function useStreams(streams: StreamService): Promise<void> {
  await streams.publish('events', { n: 1 });
  await streams.publish('events', { n: 2 }, { id: 'once' });
  await streams.publish('events', { n: 2 }, { id: 'once' });
  await streams.publish('ordered', { n: 1, key: 'a' });
  await streams.publish('ordered', { n: 2, key: 'a' });
  await streams.publish('poison', { n: 3 });
  await eventually(() => seen.entries >= 4 && seen.poison >= 1, { what: 'entries to run' });
  await eventually(async () => (await streams.deadLetters('poison')).length, { what: 'a dead entry' });
  await streams.redrive('poison', 'all');
  await streams.range('events');
  await streams.info('events');
  const group = (await streams.info('events')).groups[0]?.name ?? 'none';
  await streams.replay('events', group, 'all').catch(() => undefined);
  await streams.trim('events', { maxLen: 1 });
  await streams.removeGroup('ordered', group).catch(() => undefined);
}

async function useConfig(configs: ConfigStore): Promise<void> {
  await configs.put('1.0.0', { a: 1 });
  await configs.put('1.1.0', { a: 2 });
  await configs.put('1.1.0', { a: 3 });
  await configs.get();
  await configs.versions();
  await configs.history();
  await configs.rollback();
  await configs.remove('1.0.0');
}
