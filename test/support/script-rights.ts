/** A script of the library, as its text shows it. */
export interface ScriptText {
  readonly lua: string;
}

/** Commands that change nothing: a script may be refused one of them while it has written nothing. */
const READS = new Set(
  `EXISTS GET HGET HMGET HKEYS HVALS HLEN HGETALL HEXISTS HRANDFIELD LLEN LRANGE LINDEX LPOS ZCARD ZCOUNT ZRANGE
   ZRANGEBYSCORE ZREVRANGE ZSCORE ZMSCORE ZRANK XREVRANGE PTTL TYPE TIME`.split(/\s+/),
);

/**
 * `redis.call('HSET', KEYS[1], …` or `need('HSET', KEYS[1], …`: the command, and the keys that stand behind it. What is tried with
 * `redis.pcall` may be refused, and need not be asked for.
 */
const USE = /\b(redis\.p?call|need)\(\s*'([A-Z]+)'((?:\s*,\s*KEYS\[\d+\])*)/g;

/** Who may do what is said by commands and by keys, where reading and writing are two rights. */
class Rights {
  private readonly all = new Set<string>();

  add(command: string, keys: readonly string[]): void {
    this.all.add(command);
    for (const key of keys) this.all.add(READS.has(command) ? `read ${key}` : `write ${key}`);
  }

  get isReader(): boolean {
    return [...this.all].every((right) => READS.has(right) || right.startsWith('read '));
  }

  /** Whoever was asked for the right to write a key was asked for enough: these scripts write where they read. */
  without(other: Rights): string[] {
    const isAsked = (right: string) => other.all.has(right) || other.all.has(right.replace('read', 'write'));
    return [...this.all].filter((right) => right !== 'TIME' && !isAsked(right)).toSorted();
  }
}

/**
 * The rights that a script uses without having asked for them: commands, and keys that it declares. A script that only reads
 * asks for nothing: when it is refused in its middle, nothing is half done.
 */
export function unaskedRights({ lua }: ScriptText): string[] {
  const [asked, used] = [new Rights(), new Rights()];
  for (const [, how, command = '', keys = ''] of lua.matchAll(USE)) {
    if (how === 'redis.pcall') continue;
    (how === 'need' ? asked : used).add(command, keys.match(/KEYS\[\d+\]/g) ?? []);
  }
  return used.isReader ? [] : used.without(asked);
}

/**
 * Whether it writes, in the order of its text, before the last of its questions. What stands in a function counts where it
 * is called: functions of these scripts begin and end at the left margin.
 */
export function writesBeforeItAsks({ lua }: ScriptText): boolean {
  const own = [...lua.matchAll(USE)].filter(({ index }) => !isInFunction(lua, index));
  const lastAsked = own.findLastIndex(([, how]) => how === 'need');
  return own
    .slice(0, Math.max(0, lastAsked))
    .some(([, how, command = '']) => how !== 'need' && !READS.has(command));
}

function isInFunction(lua: string, at: number): boolean {
  const before = lua.slice(0, at);
  const begins = Math.max(before.lastIndexOf('\nlocal function '), before.lastIndexOf('\nlocal rights = {'));
  return (
    begins >= 0 &&
    !/\n(?:end|\})\n/.test(before.slice(begins)) &&
    !/ end$/m.test(before.slice(begins + 1).split('\n')[0]!)
  );
}
