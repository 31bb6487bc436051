import { matchesGlob } from '../protocol/glob.js';
import { CommandError } from '../protocol/reply.js';

const DEFAULTS: Readonly<Record<string, string>> = {
  appendonly: 'no',
  appendfsync: 'everysec',
  'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
  databases: '16',
  dir: '/',
  hz: '10',
  'list-max-listpack-size': '-2',
  loglevel: 'notice',
  'lua-time-limit': '5000',
  'busy-reply-threshold': '5000',
  maxclients: '10000',
  maxmemory: '0',
  'maxmemory-policy': 'noeviction',
  'min-replicas-max-lag': '10',
  'min-replicas-to-write': '0',
  'notify-keyspace-events': '',
  port: '6379',
  'proto-max-bulk-len': '536870912',
  requirepass: '',
  save: '',
  'slowlog-log-slower-than': '10000',
  'stream-node-max-bytes': '4096',
  'stream-node-max-entries': '100',
  tcpkeepalive: '300',
  timeout: '0',
};
const UNITS: Readonly<Record<string, number>> = {
  k: 1_000,
  kb: 1_024,
  m: 1_000_000,
  mb: 1_048_576,
  g: 1_000_000_000,
  gb: 1_073_741_824,
};

/** What CONFIG shows and changes. Most has no effect here. */
export class ServerSettings {
  private readonly values = new Map(Object.entries(DEFAULTS));

  get maxMemoryBytes(): number {
    return Number(this.get('maxmemory'));
  }

  get(name: string): string {
    return this.values.get(name) ?? '';
  }

  matching(patterns: readonly string[]): readonly (readonly [string, string])[] {
    const lower = patterns.map((pattern) => pattern.toLowerCase());
    return [...this.values].filter(([name]) => lower.some((pattern) => matchesGlob(pattern, name)));
  }

  /** @throws CommandError for an unknown name */
  set(name: string, value: string): void {
    const lower = name.toLowerCase();
    if (!this.values.has(lower)) {
      throw new CommandError(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`);
    }
    this.values.set(lower, lower === 'maxmemory' ? String(memoryBytes(name, value)) : value);
  }
}

function memoryBytes(name: string, text: string): number {
  const [, digits, unit = ''] = /^(\d+)([a-z]*)$/i.exec(text) ?? [];
  const factor = unit === '' || unit === 'b' ? 1 : UNITS[unit.toLowerCase()];
  if (digits === undefined || factor === undefined) {
    throw new CommandError(
      `ERR CONFIG SET failed (possibly related to argument '${name}') - argument must be a memory value`,
    );
  }
  return Number(digits) * factor;
}
