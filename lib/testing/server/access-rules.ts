import { matchesGlob } from '../protocol/glob.js';
import { CommandError } from '../protocol/reply.js';
import { keysOf } from './command-keys.js';
import type { CommandFacts } from './command-facts.js';

/** What stands in the way of a command. */
export type Denial = 'command' | 'key' | 'channel';

const FURTHEST_FIRST: readonly Denial[] = ['channel', 'key', 'command'];

interface KeyPattern {
  readonly pattern: string;
  readonly reads: boolean;
  readonly writes: boolean;
}

const CATEGORIES = new Set(
  'all keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection transaction scripting'.split(
    ' ',
  ),
);

/** Commands, keys and channels that a user may use. */
export class AccessRules {
  private commands: string[] = ['-@all'];
  private keys: KeyPattern[] = [];
  private channels: string[] = [];
  /** Further rules, each of which is enough for a command. */
  private further: AccessRules[] = [];
  /** What was found out about commands, until a rule changes. */
  private readonly known = new Map<string, boolean>();

  constructor(private readonly isKnown: (command: string) => boolean) {}

  get commandRules(): string {
    return this.commands.join(' ');
  }

  get keyRules(): string {
    return this.keys.map((key) => `${prefixOf(key)}${key.pattern}`).join(' ');
  }

  get channelRules(): string {
    return this.channels.map((channel) => `&${channel}`).join(' ');
  }

  /** @throws CommandError for what is no rule */
  apply(rule: string): void {
    this.known.clear();
    if (rule === 'allkeys' || rule === '~*') this.keys = [{ pattern: '*', reads: true, writes: true }];
    else if (rule === 'allchannels' || rule === '&*') this.channels = ['*'];
    else if (rule === 'allcommands') this.apply('+@all');
    else if (rule === 'nocommands') this.apply('-@all');
    else if (rule === 'resetkeys') this.keys = [];
    else if (rule === 'resetchannels') this.channels = [];
    else if (rule === 'clearselectors') this.further = [];
    else if (/^\(.*\)$/.test(rule)) this.addSelector(rule.slice(1, -1));
    else if (rule.startsWith('&')) this.addChannel(rule);
    else if (rule.startsWith('~') || rule.startsWith('%')) this.addKeys(rule);
    else if (/^[+-]/.test(rule)) this.addCommand(rule);
    else throw invalid(rule, 'Syntax error');
  }

  /** Why a command is denied; undefined when it may run. */
  denialOf(command: CommandFacts, argv: readonly string[]): Denial | undefined {
    const own = this.ownDenialOf(command, argv);
    if (own === undefined || this.further.length === 0) return own;
    return this.furthestDenialOf(command, argv);
  }

  private furthestDenialOf(command: CommandFacts, argv: readonly string[]): Denial | undefined {
    const denials = [this, ...this.further].map((rules) => rules.ownDenialOf(command, argv));
    if (denials.includes(undefined)) return undefined;
    // What came furthest says the most.
    return FURTHEST_FIRST.find((denial) => denials.includes(denial));
  }

  get selectors(): readonly AccessRules[] {
    return this.further;
  }

  /** Whether a key may be used in some way. */
  knowsKey(key: string): boolean {
    return this.allowsKey(key, false) || this.allowsKey(key, true);
  }

  get selectorRules(): readonly string[] {
    return this.further.map(({ keyRules, channelRules, commandRules }) =>
      [keyRules, 'resetchannels', channelRules, commandRules].filter((rule) => rule !== '').join(' '),
    );
  }

  private addSelector(rules: string): void {
    const selector = new AccessRules(this.isKnown);
    for (const rule of rules.split(' ').filter((word) => word !== '')) selector.apply(rule);
    this.further.push(selector);
  }

  private ownDenialOf(command: CommandFacts, argv: readonly string[]): Denial | undefined {
    if (!this.allowsCommand(command)) return 'command';
    if (this.hasAllKeys && this.channels.includes('*')) return undefined;
    const writes = command.flags.has('write');
    if (!keysOf(command, argv).every((key) => this.allowsKey(key, writes))) return 'key';
    return this.allowsChannels(command, argv) ? undefined : 'channel';
  }

  private get hasAllKeys(): boolean {
    return this.keys.some(({ pattern, reads, writes }) => pattern === '*' && reads && writes);
  }

  private allowsCommand(command: CommandFacts): boolean {
    let isAllowed = this.known.get(command.name);
    if (isAllowed === undefined) this.known.set(command.name, (isAllowed = this.looksUpCommand(command)));
    return isAllowed;
  }

  private looksUpCommand(command: CommandFacts): boolean {
    const container = command.name.split('|', 1)[0]!;
    let isAllowed = false;
    for (const rule of this.commands) {
      const name = rule.slice(1);
      const fits = name.startsWith('@')
        ? name === '@all' || command.categories.has(name.slice(1))
        : name === command.name || name === container;
      if (fits) isAllowed = rule.startsWith('+');
    }
    return isAllowed || command.flags.has('no_auth');
  }

  private allowsKey(key: string, writes: boolean): boolean {
    return this.keys.some((rule) => (writes ? rule.writes : rule.reads) && matchesGlob(rule.pattern, key));
  }

  private allowsChannels({ name }: CommandFacts, argv: readonly string[]): boolean {
    if (name === 'publish') return this.allowsChannel(argv[1]!);
    if (name === 'subscribe') return argv.slice(1).every((channel) => this.allowsChannel(channel));
    if (name !== 'psubscribe' || this.channels.includes('*')) return true;
    return argv.slice(1).every((pattern) => this.channels.includes(pattern));
  }

  private allowsChannel(channel: string): boolean {
    return this.channels.some((pattern) => matchesGlob(pattern, channel));
  }

  private addChannel(rule: string): void {
    if (this.channels.includes('*')) throw invalid(rule, hasAll('channels', 'channels'));
    this.channels.push(rule.slice(1));
  }

  private addKeys(rule: string): void {
    const parts = /^(?:~|%([RW]{1,2})~)(.*)$/is.exec(rule);
    if (!parts) throw invalid(rule, 'Syntax error');
    if (this.hasAllKeys) throw invalid(rule, hasAll('keys', 'patterns'));
    const kinds = (parts[1] ?? 'RW').toUpperCase();
    this.keys.push({ pattern: parts[2]!, reads: kinds.includes('R'), writes: kinds.includes('W') });
  }

  private addCommand(rule: string): void {
    const name = rule.slice(1).toLowerCase();
    const isThere = name.startsWith('@') ? CATEGORIES.has(name.slice(1)) : this.isKnown(name);
    if (!isThere) throw invalid(rule, 'Unknown command or category name in ACL');
    const normal = rule[0]! + name;
    if (name === '@all') this.commands = [normal];
    else this.commands = [...this.commands.filter((other) => other.slice(1) !== name), normal];
    const hadAll = this.commands[0] === '+@all' && rule.startsWith('+');
    if (hadAll && !this.commands.slice(1).some((other) => other.startsWith('-'))) this.commands = ['+@all'];
  }
}

function prefixOf({ reads, writes }: KeyPattern): string {
  if (reads && writes) return '~';
  return reads ? '%R~' : '%W~';
}

function hasAll(what: string, list: string): string {
  return `Adding a pattern after the * pattern (or the 'all${what}' flag) is not valid and does not have any effect. Try 'reset${what}' to start with an empty list of ${list}`;
}

function invalid(rule: string, why: string): CommandError {
  return new CommandError(`ERR Error in ACL SETUSER modifier '${rule}': ${why}`);
}
