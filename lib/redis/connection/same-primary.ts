import { Link, type LinkOptions, type LinkOwner, type Role } from './link.js';
import { nameAtSentinels, SentinelWatch } from './sentinel-watch.js';
import { maySame, tooOld } from './server-info.js';
import type { SlotOwner } from './slot-owner.js';

/** When a link reaches another server this often in a row, the leading link is probably at the wrong server. */
const LED_ELSEWHERE = 2;

/** It may still answer, and take writes that will be lost. */
const REPLACED = new Error('the Sentinels name another primary');

/** The errors of a server that is not a primary any more. */
const DEMOTED = /^(-?READONLY\b|UNBLOCKED.*instance state changed)/;

export interface ReplicaOptions {
  /** Whether a replica will do, for a process that only reads. @defaultValue false */
  readonly takesReplicas?: boolean;
}

type LinkOptionsOfAll = Omit<LinkOptions, 'role' | 'sentinels'> & ReplicaOptions;

/**
 * Keeps all connections of a process at one primary. That of the commands leads: it looks for the primary, and each other
 * one is admitted only where that is. When any of them hears that its server is a replica now, all look anew: a server that
 * became a replica keeps its clients, and subscribers there would wait for what nobody counts them in for.
 *
 * Behind Sentinels, all leave a server as soon as these say that another one is the primary.
 *
 * Where servers do not say who they are, every connection is admitted; a process that does not hear itself finds out.
 */
export class SamePrimary implements LinkOwner {
  readonly leader: Link;
  private readonly followers = new Set<Link>();
  private readonly listeners = new Set<() => void>();
  private readonly sentinels: SentinelWatch | undefined;
  private readonly options: Omit<LinkOptions, 'role'> & ReplicaOptions;
  private ledElsewhere = 0;

  constructor(
    options: LinkOptionsOfAll,
    private readonly onFailure: (role: Role, error: Error) => void,
  ) {
    this.sentinels = this.watchSentinels(options);
    this.options = { ...options, sentinels: this.sentinels };
    this.leader = new Link({ ...this.options, role: 'commands' }, this);
  }

  /**
   * Adds a connection to the server of the commands, or to the node that owns a slot. It connects at once if the server of the
   * commands is known.
   */
  follow(role: Role, owner?: SlotOwner): Link {
    const link = new Link({ ...this.options, role, owner }, this);
    this.followers.add(link);
    return link;
  }

  /** Connects all links. */
  start(): void {
    this.leader.connect();
    for (const link of this.followers) link.connect();
  }

  /** All connections log in with the latest credentials. Resolves with what Redis said against it. */
  async logInAgain(): Promise<Error | undefined> {
    const answers = await Promise.all([this.leader, ...this.followers].map((link) => link.logInAgain()));
    return answers.find((answer) => answer !== undefined);
  }

  /** Whether this connection is at the server of the commands. */
  isAdmitted(link: Link): boolean {
    return (
      this.leader.server !== undefined &&
      link.server !== undefined &&
      maySame(link.server, this.leader.server)
    );
  }

  /** Closes all links, to find the primary again. */
  lookAnew(reason: Error): void {
    for (const link of [this.leader, ...this.followers]) if (link.client.status !== 'end') link.drop(reason);
  }

  /** Hears whenever a link is admitted, lost or closed; the returned function stops that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(link: Link): void {
    this.followers.delete(link);
    link.close();
    this.changed(link);
  }

  closeAll(): void {
    this.sentinels?.close();
    for (const link of [this.leader, ...this.followers]) this.close(link);
  }

  holdsBack(link: Link): boolean {
    return link !== this.leader && this.leader.server === undefined;
  }

  changed(link: Link): void {
    if (link.server !== undefined) this.judge(link);
    else if (link === this.leader) this.sentinels?.rest();
    for (const listener of [...this.listeners]) listener();
  }

  failed(link: Link, error: Error): void {
    this.onFailure(link.role, error);
  }

  refused(link: Link, error: Error): void {
    if (this.options.takesReplicas) return;
    // All commands in flight are refused in the same way, and the first refusal was already handled.
    if (link.server === undefined || !DEMOTED.test(error.message)) return;
    this.onFailure(link.role, error);
    this.lookAnew(new Error('its server is a replica now'));
  }

  private judge(link: Link): void {
    const why = this.sentinels?.isOld(link.client) ? REPLACED : whyNot(link, this.options);
    if (why) {
      this.onFailure(link.role, why);
      link.drop(why);
    } else if (link === this.leader) this.lead();
    else this.compare(link);
  }

  private watchSentinels({ redis, clock, connection }: LinkOptionsOfAll): SentinelWatch | undefined {
    const name = nameAtSentinels(redis);
    if (name === undefined) return undefined;
    const onHeard = () => this.leaveIfReplaced();
    return new SentinelWatch({ clock, name, everyMs: connection.pingIntervalMs, onHeard });
  }

  private leaveIfReplaced(): void {
    if (this.leader.server === undefined || !this.sentinels?.isOld(this.leader.client)) return;
    this.onFailure('commands', REPLACED);
    this.lookAnew(REPLACED);
  }

  private lead(): void {
    this.sentinels?.ask(this.leader.client);
    for (const link of this.followers) {
      if (link.server === undefined) link.connect();
      else if (!this.isAdmitted(link)) link.drop(new Error('the commands go to another server'));
    }
  }

  private compare(link: Link): void {
    if (this.leader.server === undefined) return;
    if (this.isAdmitted(link)) {
      this.ledElsewhere = 0;
      return;
    }
    link.drop(new Error('it was led to another server than the commands'));
    if (++this.ledElsewhere < LED_ELSEWHERE) return;
    this.ledElsewhere = 0;
    this.leader.drop(new Error('other connections are led to another server'));
  }
}

/** Why the server of this link cannot be used. */
function whyNot({ server }: Link, { takesReplicas }: ReplicaOptions): Error | undefined {
  if (!server) return undefined;
  if (server.isLoading) return new Error(`LOADING ${server.product} is loading its data`);
  if (server.isReplica && !takesReplicas)
    return new Error(`READONLY this ${server.product} is a replica, which takes no writes`);
  return tooOld(server);
}
