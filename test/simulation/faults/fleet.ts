import { Member } from '../actors/member.js';
import { ROLES, type RoleName } from '../actors/roles.js';
import type { RedisCopy } from '../../../lib/testing/redis-faults.js';
import type { World } from '../world/world.js';
import { isOfProcess, type Fault } from './fault.js';
import type { Plan } from './plan.js';

/** How long apart the processes of a world start, in milliseconds. */
const START_WITHIN_MS = 1_500;
/** How long before a failover the replica begins to follow, in milliseconds: longer than it is ever behind. */
const FOLLOWS_FOR_MS = 2_000;

/** The processes of a world, and what is done to them. */
export class Fleet {
  /** All that ever were. */
  readonly everyone: Member[] = [];
  private readonly present = new Map<string, Member>();
  private readonly roles = new Map<string, RoleName>();
  private readonly starts = new Map<string, number>();
  /** Has each replica that is to take over follow the Redis that is there now. */
  private readonly replicas = new Set<() => void>();

  constructor(private readonly world: World) {}

  /** Those that were not killed or stopped. */
  get members(): readonly Member[] {
    return [...this.present.values()];
  }

  /** Has a plan happen. */
  follow({ members, faults }: Plan): void {
    const { clock } = this.world;
    for (const { name, role } of members) {
      this.roles.set(name, role);
      clock.setTimeout(
        () => this.start(name),
        this.world.randomOf(`${name}/start`).float() * START_WITHIN_MS,
      );
    }
    for (const fault of faults) {
      if (fault.kind === 'redis goes back') this.planReturn(fault);
      else if (fault.kind === 'redis fails over') this.planFailover(fault);
      else clock.setTimeout(() => this.happen(fault), fault.at);
    }
  }

  /** Starts one more, of which no fault knows. */
  add(name: string, role: RoleName): void {
    this.roles.set(name, role);
    this.start(name);
  }

  private start(name: string): void {
    const count = (this.starts.get(name) ?? 0) + 1;
    this.starts.set(name, count);
    const host = this.world.host(count === 1 ? name : `${name}~${count}`);
    const member = new Member(this.world, host, ROLES[this.roles.get(name)!]);
    this.present.set(name, member);
    this.everyone.push(member);
    member.note('starting', { id: member.instance.id, service: member.role.service });
    void member.start();
  }

  /** What is lost is what came after a copy of its data. */
  private planReturn(fault: Extract<Fault, { kind: 'redis goes back' }>): void {
    const { clock, redis, ledger } = this.world;
    const goBack = async (from: number, copy: Promise<RedisCopy>) => {
      ledger.note('redis', 'data lost', { from });
      this.note(fault);
      await this.replaceRedis(fault.forMs, await copy);
    };
    const keepCopy = () => {
      const [from, copy] = [clock.monotonic(), redis.faults.replica()];
      clock.setTimeout(() => void goBack(from, copy), fault.backMs);
    };
    clock.setTimeout(keepCopy, fault.at - fault.backMs);
  }

  /** What is lost is what the replica had not heard of when it took over. */
  private planFailover(fault: Extract<Fault, { kind: 'redis fails over' }>): void {
    const { clock, redis, ledger } = this.world;
    const { at, forMs, behindMs } = fault;
    let replica: Promise<RedisCopy>;
    const copy = () => void (replica = redis.faults.replica({ behind: behindMs }));
    const takeOver = async () => {
      this.replicas.delete(copy);
      ledger.note('redis', 'data lost', { from: clock.monotonic() - behindMs });
      this.note(fault);
      await this.replaceRedis(forMs, await replica);
    };
    const follow = () => {
      copy();
      this.replicas.add(copy);
      clock.setTimeout(() => void takeOver(), at - clock.monotonic());
    };
    clock.setTimeout(follow, Math.max(0, at - FOLLOWS_FOR_MS));
  }

  /** Other replicas follow the one that took over, as they do where a real one is promoted. */
  private async replaceRedis(forMs: number, by: RedisCopy): Promise<void> {
    await this.world.redis.restart(forMs, by);
    for (const follow of this.replicas) follow();
  }

  private happen(fault: Fault): void {
    if (!isOfProcess(fault)) return this.disturbRedis(fault);
    const member = this.present.get(fault.who);
    if (!member || member.host.process.state !== 'runs') return;
    this.note(fault);
    if (fault.kind === 'kill') this.kill(member, fault);
    else if (fault.kind === 'stop') this.stop(member, fault);
    else this.disturb(member, fault);
  }

  private kill(member: Member, { who, forMs }: { who: string; forMs: number }): void {
    member.note('killed', { id: member.instance.id });
    member.host.kill();
    this.present.delete(who);
    this.world.clock.setTimeout(() => this.start(who), forMs);
  }

  private stop(member: Member, { who, forMs }: { who: string; forMs: number }): void {
    this.present.delete(who);
    void member.close();
    this.world.clock.setTimeout(() => this.start(who), forMs);
  }

  private disturb({ host }: Member, fault: Extract<Fault, { who: string }>): void {
    const { process, network } = host;
    const { clock } = this.world;
    if ('forMs' in fault) process.disturb(fault.forMs);
    if (fault.kind === 'freeze') {
      process.freeze();
      clock.setTimeout(() => process.resume(), fault.forMs);
    } else if (fault.kind === 'hold') network.hold(fault.forMs);
    else if (fault.kind === 'deaf') host.goDeaf(fault.forMs);
    else if (fault.kind === 'cut') host.cut();
    else if (fault.kind === 'cut in part') host.cutSome(fault.forMs);
    else if (fault.kind === 'skew') process.skew(fault.byMs);
    else if (fault.kind === 'slow') {
      network.slow(fault.byMs);
      clock.setTimeout(() => network.slow(0), fault.forMs);
    }
  }

  private disturbRedis(fault: Fault): void {
    const { clock, redis, ledger } = this.world;
    const { faults } = redis;
    this.note(fault);
    if (fault.kind === 'redis frozen') {
      void faults.freeze();
      clock.setTimeout(() => void faults.resume(), fault.forMs);
    } else if (fault.kind === 'redis restarts') void redis.restart(fault.forMs);
    else if (fault.kind === 'redis full') {
      void faults.full();
      clock.setTimeout(() => void faults.full(false), fault.forMs);
    } else if (fault.kind === 'redis emptied') {
      ledger.note('redis', 'data lost', { from: 0 });
      void faults.flushAll();
    } else if (fault.kind === 'replies lost') void faults.loseReply(fault.command, fault.times);
  }

  private note(fault: Fault): void {
    const { kind, at: _, ...details } = fault;
    const { who: of, ...others } = details as { who?: string };
    this.world.ledger.note('fault', kind, { ...(of !== undefined && { of }), ...others });
  }
}
