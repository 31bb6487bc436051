import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';

import { useEverything } from './use/use-everything.js';

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

const STARTED_AT = 1_764_000_000_000;
const STEP_MS = 300;

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
  // A script that only reads, as one that may write: servers before 7.0 have no other form.
  const name = given.toLowerCase().replace(/_ro$/, '');
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

/** A script with the same time wherever it runs, which goes on from command to command. */
export function timed([name, text, ...args]: readonly string[], at: number): string[] {
  const ms = STARTED_AT + at * STEP_MS;
  const time = `{ '${Math.floor(ms / 1_000)}', '${(ms % 1_000) * 1_000}' }`;
  return [name!, ...(text === undefined ? [] : [text.replaceAll("redis.call('TIME')", time)]), ...args];
}
