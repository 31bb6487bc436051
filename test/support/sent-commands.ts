import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the library, and the commands of Redis in it: `get`, `xinfo|groups`. */
export interface SentCommands {
  readonly file: string;
  readonly commands: readonly string[];
}

/** The Redis in memory sends nothing, and the rights only name commands. */
const SENDS_NOTHING = /^lib\/(?:testing|access)\//;
const SUBCOMMANDS = new Set(
  ['xgroup', 'xinfo', 'pubsub', 'client', 'config', 'acl', 'cluster', 'memory'].concat(
    ...['latency', 'slowlog', 'object', 'script', 'command', 'function'],
  ),
);
/** The names of Redis's commands, as the driver has them. */
const KNOWN = new Set(
  Object.keys(
    JSON.parse(readFileSync('node_modules/@ioredis/commands/built/commands.json', 'utf8')) as object,
  ),
);
/** Also names of methods that have nothing to do with Redis: these count when the receiver is a connection. */
const ALSO_ELSEWHERE = new Set(
  `append command config copy digest discard exec expire get info keys move object publish reset restore save script set
   sort subscribe sync time type unsubscribe wait watch`.split(/\s+/),
);
const CONNECTION = /^(?:redis|client|commands|connection|node|next|one|pipeline)$/;
const OF_THE_CONNECTION = new Set(['monitor', 'quit']);

/** What each file of the library sends, in whichever way: only files that send something. */
export function sentCommands(): readonly SentCommands[] {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).map((file) => join('lib', file));
  return files
    .filter((file) => file.endsWith('.ts') && !SENDS_NOTHING.test(file))
    .map((file) => ({ file, commands: commandsIn(readFileSync(file, 'utf8')) }))
    .filter(({ commands }) => commands.length > 0);
}

/** The commands in the text of a file: those of its scripts, and those of the driver. */
export function commandsIn(text: string): readonly string[] {
  return [...new Set([...inWords(text), ...ofDriver(text), ...inTransaction(text)])].toSorted();
}

/**
 * Whatever is called with the name of a command first: `redis.pcall('XINFO', 'GROUPS', …)`, `need('SET', …)`,
 * `number('LLEN', …)`, `redis.call(isSet and 'ZCARD' or 'LLEN', …)`, `local command = { 'XCLAIM', … }`,
 * `client.call('HELLO')`, `new Command('publish', …)`.
 */
function inWords(text: string): string[] {
  const calls = text.matchAll(/(?:\b(Command)\(|\w\(|\{|\band|\bor)\s*'([A-Za-z_]+)'(?:,\s*\[?'([A-Z]+)')?/g);
  return [...calls]
    .filter(([, driver, word = '']) => (driver || word === word.toUpperCase()) && isKnown(word))
    .map(([, , word = '', sub]) => nameOf(word, sub));
}

/** `redis.hset(…)`, also on a line of its own. */
function ofDriver(text: string): string[] {
  const calls = text.matchAll(/([\w)\]!]+)\s*\??\.([a-z]+)\(\s*(?:'([A-Z]+)')?/g);
  return [...calls]
    .filter(([, receiver = '', method = '']) => {
      if (!isKnown(method)) return false;
      return CONNECTION.test(receiver) || !ALSO_ELSEWHERE.has(method);
    })
    .map(([, , method = '', sub]) => nameOf(method, sub));
}

/** `commands.multi().lpush(…).expire(…).exec()`. */
function inTransaction(text: string): string[] {
  const chains = [...text.matchAll(/\.multi\(\)(.*?)\.exec\(\)/gs)].map(([chain]) => chain);
  return chains.flatMap((chain) => [...chain.matchAll(/\.([a-z]+)\(/g)].map(([, method = '']) => method));
}

const isKnown = (word: string) => KNOWN.has(word.toLowerCase()) && !OF_THE_CONNECTION.has(word);

function nameOf(command: string, sub = ''): string {
  const isOneOfSeveral = SUBCOMMANDS.has(command.toLowerCase()) && sub !== '';
  return (isOneOfSeveral ? `${command}|${sub}` : command).toLowerCase();
}

/** Passed on from whoever names it, put together in a table, or one of two: {@link commandsIn} finds it there. */
const NAMED_ELSEWHERE = /^(?:\.\.\.$|unpack\(command$|[\w= ]+ and '[A-Z]+' or '[A-Z]+',)/;

/** Scripts that run a command which cannot be seen in them. */
export function unnamedCommands(): readonly string[] {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' }).map((file) => join('lib', file));
  return files
    .filter((file) => file.endsWith('.ts') && !SENDS_NOTHING.test(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      const calls = [...text.matchAll(/redis\.p?call\(\s*(?!')([^)\n]*)/g)].map(([, words = '']) => words);
      return calls.filter((words) => !NAMED_ELSEWHERE.test(words)).map((words) => `${file}: ${words}`);
    });
}
