import { loadLua } from '../../lib/testing/lua/lua-library.js';
import { Fleet } from './faults/fleet.js';
import { planOf, type Plan } from './faults/plan.js';
import { violationsOf, type Violation } from './invariants/all.js';
import { sealMachine, type Leaks } from './world/sealed-machine.js';
import { strayKeys } from './world/stray-keys.js';
import { World } from './world/world.js';
import { listenersOf, moreThan } from './world/listeners.js';
import type { Fact } from './world/ledger.js';

/** All is well by then, and what is still there is looked at. */
const AUDIT_AT = 50_000;
/** The processes are closed from here on, in milliseconds from the beginning. */
const CLOSE_AT = 60_000;
/** Closing takes no longer than the time that is given to handlers, and to a Redis that is away. */
const CLOSED_BY = 70_000;

export interface RunOptions {
  /** Instead of what the seed says. */
  readonly plan?: Plan;
  /** Whether the log has all bytes that pass. */
  readonly keepsBytes?: boolean;
}

/** What a run came to. */
export interface RunResult {
  readonly seed: number;
  readonly plan: Plan;
  /** Of the log, and of all bytes that passed. */
  readonly digest: string;
  readonly log: readonly string[];
  readonly facts: readonly Fact[];
  readonly violations: readonly Violation[];
  /** How many things happened in it. */
  readonly happened: number;
}

/** Runs the world of a seed: a minute of its time. */
export async function runSeed(
  seed: number,
  { plan: given, keepsBytes = false }: RunOptions = {},
): Promise<RunResult> {
  const lua = await loadLua();
  const leaks: Leaks = new Map();
  const world = new World({ seed, lua, keepsBytes });
  const unseal = sealMachine(leaks);
  const stopCatching = catchThrown((error) => world.ledger.note(world.clock.actor, 'thrown', { error }));
  const listenersBefore = listenersOf(process);
  try {
    const plan = given ?? planOf(world.randomOf('plan'));
    const fleet = new Fleet(world);
    fleet.follow(plan);
    world.clock.setTimeout(() => fleet.add('auditor', 'auditor'), AUDIT_AT);
    await world.clock.runUntil(CLOSE_AT);
    for (const member of fleet.members) void member.close();
    await world.clock.runUntil(CLOSED_BY);
    // Those too that were stopped before.
    for (const { name, process: closed, connectionCount } of world.hosts)
      world.ledger.note(name, 'left', { timers: closed.timerNames, connections: connectionCount });
    for (const member of fleet.everyone) member.noteListeners();
    const listeners = moreThan(listenersBefore, listenersOf(process));
    if (listeners.length > 0) world.ledger.note('machine', 'listeners left', { listeners });
    for (const key of strayKeys(world.redis.server)) world.ledger.note('redis', 'key left', { key });
    for (const [what, where] of leaks) world.ledger.note('machine', 'leak', { what, where });
    world.close();
    const { facts } = world.ledger;
    const violations = violationsOf({ plan, facts });
    for (const { rule, what } of violations) world.log.write('!', `${rule}: ${what}`);
    const { happened } = world.clock;
    return { seed, plan, digest: world.log.digest(), log: world.log.lines, facts, violations, happened };
  } finally {
    stopCatching();
    unseal();
  }
}

/** Errors that nobody catches end no run, and are noted. */
function catchThrown(note: (error: string) => void): () => void {
  const caught = (error: unknown) =>
    note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('unhandledRejection', caught);
  process.on('uncaughtException', caught);
  return () => {
    process.off('unhandledRejection', caught);
    process.off('uncaughtException', caught);
  };
}
