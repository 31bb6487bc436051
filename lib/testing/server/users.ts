import { createHash } from 'node:crypto';

import { CommandError } from '../protocol/reply.js';
import { AccessRules } from './access-rules.js';

/** Who may do what, as ACL SETUSER says it. */
export class User {
  private enabled = false;
  private passwordless = false;
  readonly passwords = new Set<string>();
  readonly rules: AccessRules;

  constructor(
    readonly name: string,
    isKnown: (command: string) => boolean,
  ) {
    this.rules = new AccessRules(isKnown);
  }

  get isEnabled(): boolean {
    return this.enabled;
  }

  get hasNoPassword(): boolean {
    return this.passwordless;
  }

  accepts(password: string): boolean {
    return this.enabled && (this.passwordless || this.passwords.has(hashOf(password)));
  }

  /** @throws CommandError for what is no rule */
  apply(rule: string): void {
    if (rule === 'on' || rule === 'off') this.enabled = rule === 'on';
    else if (rule === 'nopass') this.setPasswords(true);
    else if (rule === 'resetpass') this.setPasswords(false);
    else if (rule === 'reset') this.reset();
    else if (rule.startsWith('>')) this.addPassword(hashOf(rule.slice(1)));
    else if (rule.startsWith('#')) this.addPassword(rule.slice(1));
    else if (rule.startsWith('<')) this.passwords.delete(hashOf(rule.slice(1)));
    else if (rule.startsWith('!')) this.passwords.delete(rule.slice(1));
    else this.rules.apply(rule);
  }

  describe(): string {
    const words = [this.enabled ? 'on' : 'off'];
    if (this.passwordless) words.push('nopass');
    for (const hash of this.passwords) words.push(`#${hash}`);
    const { keyRules, channelRules, commandRules, selectorRules } = this.rules;
    if (keyRules !== '') words.push(keyRules);
    if (channelRules !== '&*') words.push('resetchannels');
    if (channelRules !== '') words.push(channelRules);
    return `user ${this.name} ${[...words, commandRules, ...selectorRules.map((rules) => `(${rules})`)].join(' ')}`;
  }

  private addPassword(hash: string): void {
    this.passwordless = false;
    this.passwords.add(hash);
  }

  private setPasswords(none: boolean): void {
    this.passwords.clear();
    this.passwordless = none;
  }

  private reset(): void {
    for (const rule of ['resetpass', 'resetkeys', 'resetchannels', 'off', '-@all', 'clearselectors'])
      this.apply(rule);
  }
}

/** All users; `default` is who says nothing. */
export class Users {
  private readonly byName = new Map<string, User>();
  readonly byDefault: User;

  constructor(private readonly isKnown: (command: string) => boolean) {
    this.byDefault = this.open('default');
    for (const rule of ['on', 'nopass', '~*', '&*', '+@all']) this.byDefault.apply(rule);
  }

  get all(): readonly User[] {
    return [...this.byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): User | undefined {
    return this.byName.get(name);
  }

  open(name: string): User {
    const user = this.byName.get(name) ?? new User(name, this.isKnown);
    this.byName.set(name, user);
    return user;
  }

  delete(name: string): boolean {
    if (name === 'default') throw new CommandError("ERR The 'default' user cannot be removed");
    return this.byName.delete(name);
  }

  /** Requirepass: the password of `default`. */
  requirePassword(password: string): void {
    this.byDefault.apply(password === '' ? 'nopass' : 'resetpass');
    if (password !== '') this.byDefault.apply(`>${password}`);
  }

  /** @throws CommandError where they do not fit */
  authenticate(name: string, password: string): User {
    const user = this.byName.get(name);
    if (user?.accepts(password)) return user;
    throw new CommandError('WRONGPASS invalid username-password pair or user is disabled.');
  }
}

function hashOf(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}
