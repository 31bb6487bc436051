import { syncBuiltinESMExports } from 'node:module';
import crypto from 'node:crypto';
import perfHooks from 'node:perf_hooks';
import v8 from 'node:v8';

/** What was asked of the machine while a world ran, and from where. */
export type Leaks = Map<string, string>;

type AnyFunction = (...args: never[]) => unknown;

const MEMORY = { rss: 100e6, heapTotal: 50e6, heapUsed: 40e6, external: 1e6, arrayBuffers: 1e5 };
const HEAP = { used_heap_size: 40e6, total_heap_size: 50e6, heap_size_limit: 2e9 };
/** What measures nothing. */
const IDLE_LOOP = { count: 0, enable() {}, disable() {}, reset() {} };

/**
 * While a world runs, nothing may ask this machine for its time or its randomness, or set a timer of it: who does is noted, but
 * for `new Date()`, which the rules over the text of the library forbid.
 * What it says of itself is always the same.
 *
 * @returns takes that back
 */
export function sealMachine(leaks: Leaks): () => void {
  const restores: (() => void)[] = [];
  const replace = (owner: object, name: string, value: unknown) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    restores.push(() => {
      if (before) Object.defineProperty(owner, name, before);
      else Reflect.deleteProperty(owner, name);
    });
  };
  const watch = (owner: object, name: string, label: string) => {
    const real = (owner as Record<string, AnyFunction>)[name]!;
    replace(owner, name, function (this: unknown, ...args: never[]): unknown {
      note(leaks, label);
      return real.apply(this, args);
    });
  };
  watch(globalThis, 'setTimeout', 'setTimeout');
  watch(globalThis, 'setInterval', 'setInterval');
  watch(globalThis, 'setImmediate', 'setImmediate');
  watch(Date, 'now', 'Date.now');
  watch(Math, 'random', 'Math.random');
  watch(performance, 'now', 'performance.now');
  watch(crypto, 'randomUUID', 'randomUUID');
  watch(crypto, 'randomBytes', 'randomBytes');
  watch(process, 'hrtime', 'hrtime');
  replace(process, 'memoryUsage', () => MEMORY);
  replace(v8, 'getHeapStatistics', () => HEAP);
  replace(process, 'cpuUsage', () => ({ user: 0, system: 0 }));
  replace(process, 'uptime', () => 1);
  replace(process, 'pid', 1);
  replace(perfHooks, 'monitorEventLoopDelay', () => IDLE_LOOP);
  syncBuiltinESMExports();
  return () => {
    for (const restore of restores.toReversed()) restore();
    syncBuiltinESMExports();
  };
}

function note(leaks: Leaks, label: string): void {
  if (leaks.has(label)) return;
  const stack = new Error(label).stack!.split('\n').slice(3, 9).join('\n');
  leaks.set(label, stack);
}
