/** What a call adds by itself, without the call: what is too little to be seen in a whole one. */
const compiled = (path: string) => new URL(`../../../build/${path}`, import.meta.url).href;

const { callStarted } = (await import(
  compiled('transport/outgoing/observed-call.js')
)) as typeof import('../../../lib/transport/outgoing/observed-call.js');
const { Metrics } = (await import(
  compiled('metrics/metrics.js')
)) as typeof import('../../../lib/metrics/metrics.js');
const { prometheusText } = (await import(
  compiled('metrics/prometheus-text.js')
)) as typeof import('../../../lib/metrics/prometheus-text.js');

const TIMES = 200_000;

/** Microseconds of CPU and bytes of heap for one run, in each round. */
export interface DirectRound {
  readonly us: number;
  readonly bytes: number;
}

function round(act: (n: number) => unknown, times = TIMES): DirectRound {
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  const before = process.cpuUsage();
  for (let n = 0; n < times; n++) act(n);
  const { user, system } = process.cpuUsage(before);
  return { us: (user + system) / times, bytes: Math.max(0, process.memoryUsage().heapUsed - heap) / times };
}

const request = { pattern: 'sum', timeoutMs: 1 } as never;
const target = { view: { service: 'math' } } as never;
const metrics = new Metrics({ service: 'bench' });
for (let pattern = 0; pattern < 100; pattern++)
  metrics.handled.of('call', `pattern.${pattern}`).ended(pattern);

/** By name, one round of each. */
export const direct: Readonly<Record<string, () => DirectRound>> = {
  'no subscriber, a call and side': () => round(() => callStarted('call', 'a', request, target)),
  'metrics, a call and side': () =>
    round((n) => {
      metrics.encoded('call', 40);
      metrics.clientCalls.of('math', 'sum').ended(n % 7);
    }),
  '/metrics of 100 patterns': () => round(() => prometheusText(metrics.collect()), 20),
};
