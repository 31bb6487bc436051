import { getHeapStatistics } from 'node:v8';

import type { Context } from './redis/context.js';
import type { QueueSource } from './queue/worker/queue-source.js';
import type { Presence } from './registry/presence/presence.js';
import type { StreamSource } from './streams/stream-source.js';
import type { CallSource } from './transport/incoming/call-source.js';
import type { OutgoingCalls } from './transport/outgoing/outgoing-calls.js';

const SECOND_MS = 1_000;

type ClientContext = Pick<Context, 'metrics' | 'redis' | 'clock' | 'options'> & {
  readonly presence: Presence;
  readonly calls: OutgoingCalls;
};

/** What is read of an instance when its metrics are asked for: nothing of it is kept for that. */
export function addInstanceGauges({ metrics, redis, clock, options, presence, calls }: ClientContext): void {
  if (!metrics) return;
  metrics.gauge('hydra_instance_info', 'The version of the service; the value is 1.', () => [
    [{ version: options.version }, 1],
  ]);
  metrics.gauge('hydra_client_calls_in_flight', 'Calls of this process that wait for their answer.', () => [
    [{}, calls.inFlight],
  ]);
  metrics.gauge('hydra_connection_up', 'Whether Redis can be used: 1 or 0.', () => [
    [{}, Number(redis.isReady)],
  ]);
  metrics.gauge('hydra_presence_age_seconds', 'Time since Redis confirmed a heartbeat.', () =>
    presence.isAnnounced ? [[{}, (clock.monotonic() - presence.beatAt) / SECOND_MS]] : [],
  );
  metrics.gauge(
    'hydra_breaker_instances',
    'Instances that failed lately, by what the breaker of this process thinks of them.',
    () => countCircuits(calls),
  );
  metrics.gauge(
    'hydra_event_loop_delay_seconds',
    'How late the event loop ran between the last two health records.',
    () => Object.entries(presence.eventLoopDelayMs).map(([stat, delayMs]) => [{ stat }, delayMs / SECOND_MS]),
  );
  metrics.gauge('hydra_process_memory_bytes', 'Memory of this process.', memoryValues);
}

interface ServerParts {
  readonly calls: CallSource;
  readonly queues: QueueSource;
  readonly streams: StreamSource;
}

/** The same of a server. */
export function addServerGauges(
  { metrics }: Pick<Context, 'metrics'>,
  { calls, queues, streams }: ServerParts,
): void {
  if (!metrics) return;
  metrics.gauge('hydra_server_calls_in_flight', 'Calls and events whose handlers run.', () => [
    [{}, calls.counts.running],
  ]);
  metrics.gauge('hydra_server_calls_waiting', 'Calls and events that wait for a place.', () => [
    [{}, calls.counts.waiting],
  ]);
  metrics.gauge('hydra_jobs_in_flight', 'Jobs that run here.', () => [
    [{}, queues.findings.activity?.['running'] ?? 0],
  ]);
  metrics.gauge('hydra_entries_in_flight', 'Entries that are here and not acknowledged.', () => [
    [{}, streams.findings.activity?.['inFlight'] ?? 0],
  ]);
}

function countCircuits({
  chooser,
}: OutgoingCalls): [labels: { callee: string; state: string }, value: number][] {
  const counts = new Map<string, [labels: { callee: string; state: string }, value: number]>();
  for (const { service: callee, state } of chooser.breaker.states()) {
    const key = `${callee} ${state}`;
    const known = counts.get(key) ?? [{ callee, state }, 0];
    counts.set(key, [known[0], known[1] + 1]);
  }
  return [...counts.values()];
}

function memoryValues(): [labels: { area: string }, value: number][] {
  const { rss, heapUsed, external } = process.memoryUsage();
  return [
    [{ area: 'resident' }, rss],
    [{ area: 'heap_used' }, heapUsed],
    [{ area: 'heap_limit' }, getHeapStatistics().heap_size_limit],
    [{ area: 'external' }, external],
  ];
}
