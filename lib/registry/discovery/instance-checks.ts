import { allowedCommands, type CommandWords } from '../../redis/allowed.js';
import type { Context } from '../../redis/context.js';
import { lacksRight } from '../../redis/redis-error.js';
import { isInReconnectGrace, STILL_MS, stoodStill } from '../reconnect-grace.js';
import { look, sweep } from '../registry-scripts.js';
import type { Look, ServiceLook } from '../service-look.js';
import { placesOf } from './first-look.js';
import type { ServiceView } from './service-view.js';

type ChecksContext = Pick<Context, 'redis' | 'keys' | 'options' | 'clock'>;

/** Services looked at by one script; Redis does nothing else meanwhile. */
const BATCH = 100;
/** Expected at an instant long ago: such a look is late always. */
const LATE = 1;
/** A heartbeat looks at its own service. A service that had one within this time needs no other look. */
const BEAT_COUNTS_MS = 1_000;
/** Rights may be given or taken meanwhile: they are asked for again after so many checks. */
const ASK_AGAIN = 60;

/**
 * `removes`: takes the dead out of the index, for all. `looks`: sees who is dead and leaves them out here, because this
 * user may not write the registry of that service, or is told not to.
 */
type Access = 'removes' | 'looks';

/**
 * Looks once a second which instances have no presence any more, and of which services an announcement was missed. What
 * belongs to others is only looked at where this user may not write it.
 */
export class InstanceChecks {
  private readonly looks = new WeakMap<ServiceView, Look>();
  private readonly access = new Map<ServiceView, Access>();
  /** Those that a look found dead, by service: one that still listens is spared at the first look. */
  private readonly absent = new WeakMap<ServiceView, ReadonlySet<string>>();
  private checks = 0;
  private beatAt = -Infinity;

  constructor(
    private readonly context: ChecksContext,
    private readonly isReader: boolean,
  ) {}

  /** Never rejects: a failed look is repeated in a second, and the connection reports its own failure. */
  async run(views: readonly ServiceView[]): Promise<void> {
    const { redis } = this.context;
    if (this.checks++ % ASK_AGAIN === 0) {
      this.access.clear();
      // Heartbeats look again when the answer is there.
      this.beatAt = -Infinity;
    }
    const isKnown = await this.ask(views).then(
      () => true,
      () => false,
    );
    if (!isKnown) return;
    const removing = views.filter((view) => this.access.get(view) === 'removes' && !this.hasBeat(view));
    const looking = views.filter((view) => this.access.get(view) === 'looks');
    // Just after a reconnect nobody is taken for dead.
    const mayRemove = !isInReconnectGrace(redis);
    await Promise.allSettled([
      ...(mayRemove ? this.batches(removing).map((batch) => this.sweep(batch)) : []),
      ...this.batches(looking).map((batch) => this.look(batch)),
    ]);
  }

  /** What a heartbeat has seen of this process's own service: where nobody is overdue, that was the look. Never rejects. */
  async beatSeen(view: ServiceView, { isOverdue, epoch, ...at }: ServiceLook): Promise<void> {
    if (this.access.get(view) !== 'removes') return;
    this.beatAt = at.sentAt;
    const isLate = at.redisTime > this.expectedBy([view], at.sentAt);
    this.looked([view], at);
    const mayRemove = isOverdue && !isInReconnectGrace(this.context.redis);
    // What comes late has waited as the others' heartbeats have: they are given time.
    if (mayRemove) await this.sweep([view], isLate ? LATE : undefined).catch(() => undefined);
    else if (epoch !== undefined) await view.check(epoch).catch(() => undefined);
  }

  private hasBeat({ service }: ServiceView): boolean {
    const { options, clock } = this.context;
    return service === options.service && clock.monotonic() - this.beatAt <= BEAT_COUNTS_MS;
  }

  /** Which services this process may look after. */
  private async ask(views: readonly ServiceView[]): Promise<void> {
    const { redis, options } = this.context;
    for (const view of this.access.keys()) if (!views.includes(view)) this.access.delete(view);
    const unknown = views.filter((view) => !this.access.has(view));
    const isOthers = ({ service }: ServiceView) => service !== options.service;
    for (const view of unknown)
      if (this.isReader || (!options.discovery.upkeep && isOthers(view))) this.access.set(view, 'looks');
    const open = unknown.filter((view) => !this.access.has(view));
    if (open.length === 0) return;
    const wanted = open.flatMap((view) => this.commandsFor(view));
    const perView = wanted.length / open.length;
    const may = await redis.run('ask for rights', (client) => allowedCommands(client, wanted));
    for (const [index, view] of open.entries()) {
      const isAllowed = may.slice(index * perView, (index + 1) * perView).every(Boolean);
      this.access.set(view, isAllowed ? 'removes' : 'looks');
    }
  }

  private commandsFor({ service }: ServiceView): readonly CommandWords[] {
    const { keys } = this.context;
    const [beats, instances, epoch, reprieve] = this.sweepKeys(service) as [string, string, string, string];
    return [
      ['EVALSHA', 'sweep', '4', beats, instances, epoch, reprieve],
      ['PTTL', keys.presence(service, 'a')],
      ['ZRANGEBYSCORE', beats, '-inf', '0'],
      ['ZADD', beats, '1', 'a'],
      ['ZREM', beats, 'a'],
      ['HLEN', instances],
      ['HDEL', instances, 'a'],
      ['GET', epoch],
      ['INCR', epoch],
      ['SET', epoch, '1'],
      ['SET', reprieve, '1'],
      ['PUBSUB', 'NUMSUB', keys.instanceChannel(service, 'a')],
      ['PUBLISH', keys.announcements(service), 'a'],
    ];
  }

  private sweepKeys(service: string): readonly string[] {
    const { keys } = this.context;
    return [keys.beats(service), keys.instances(service), keys.epoch(service), keys.own(service, 'reprieve')];
  }

  private batches(views: readonly ServiceView[]): (readonly ServiceView[])[] {
    // Where several servers share the keys, each service has its own slot.
    const size = this.context.redis.isSharded ? 1 : BATCH;
    return Array.from({ length: Math.ceil(views.length / size) }, (_, index) =>
      views.slice(index * size, (index + 1) * size),
    );
  }

  /** Removes the dead from the indexes, and reads again those of which an announcement was missed. */
  private async sweep(views: readonly ServiceView[], expected?: number): Promise<void> {
    const { keys, redis } = this.context;
    const names = views.map(({ service }) => service);
    const args = [
      ...names.flatMap((name) => this.sweepKeys(name)),
      ...names.flatMap((name) => [keys.announcements(name), ...placesOf(keys, name)]),
    ];
    const sentAt = this.context.clock.monotonic();
    const answer = redis.run('check instances', (client) =>
      sweep.run(client, [...args, expected ?? this.expectedBy(views, sentAt)], names.length * 4),
    );
    const [redisTime, ...epochs] = await answer.catch((error: unknown) => {
      // It was taken away, or cannot be asked for here.
      if (lacksRight(error)) for (const view of views) this.access.set(view, 'looks');
      throw error;
    });
    this.looked(views, { sentAt, redisTime: Number(redisTime) });
    await Promise.allSettled(views.map((view, index) => view.check(epochs[index] ?? '')));
  }

  /** Sees who is dead, and reads again those of which an announcement was missed. */
  private async look(views: readonly ServiceView[]): Promise<void> {
    const { keys, redis } = this.context;
    const names = views.map(({ service }) => service);
    const args = [
      ...names.flatMap((name) => [keys.beats(name), keys.epoch(name)]),
      ...names.flatMap((name) => placesOf(keys, name)),
    ];
    const sentAt = this.context.clock.monotonic();
    const expected = this.expectedBy(views, sentAt);
    const [redisTime, ...found] = await redis.run('look at instances', (client) =>
      look.run(client, args, names.length * 2),
    );
    this.looked(views, { sentAt, redisTime: Number(redisTime) });
    const isLate = expected > 0 && Number(redisTime) > expected;
    const saysNothing = isLate || isInReconnectGrace(redis);
    await Promise.allSettled(
      views.map(async (view, index) => {
        const [epoch = '', ...dead] = found[index] ?? [];
        await view.check(epoch);
        if (!saysNothing) this.leaveOut(view, dead);
      }),
    );
  }

  /** @param found the id of each that has no presence, followed by whether it still listens: `1` or `0` */
  private leaveOut(view: ServiceView, found: readonly string[]): void {
    const before = this.absent.get(view);
    const dead = new Set<string>();
    const spared = new Set<string>();
    for (let at = 0; at < found.length; at += 2) {
      const id = found[at]!;
      // As where they are removed: one that listens may be late only, once.
      if (found[at + 1] === '1' && !before?.has(id)) spared.add(id);
      else dead.add(id);
    }
    this.absent.set(view, new Set([...dead, ...spared]));
    view.leaveOut(dead);
  }

  private looked(views: readonly ServiceView[], at: Look): void {
    stoodStill(this.context.redis, at.sentAt);
    for (const view of views) this.looks.set(view, at);
  }

  /** The latest time, by the clock of Redis, at which a look that is sent now arrives if nothing stands still. */
  private expectedBy(views: readonly ServiceView[], sentAt: number): number {
    const last = views.map((view) => this.looks.get(view)).find((found) => found !== undefined);
    // The first look has nothing to be compared with, and may have waited like any other: it takes nobody for dead.
    return last === undefined ? LATE : Math.round(last.redisTime + (sentAt - last.sentAt) + STILL_MS / 2);
  }
}
