/** How much of its work a process tells of, from nothing on. */
export const VARIANTS = [
  'nothing',
  'metrics',
  'module',
  'sdk',
  'by-hand',
  'within',
  'traces-1',
  'traces-100',
] as const;

export type Variant = (typeof VARIANTS)[number];

export const TITLES: Readonly<Record<Variant, string>> = {
  nothing: 'metrics.enabled: false',
  metrics: 'metrics, as by default',
  module: 'HydraTelemetryModule, no SDK',
  sdk: 'an SDK, nothing of ours',
  'by-hand': 'spans by hand, 1 % sampled',
  within: 'traces, within a request that is not',
  'traces-1': 'traces, 1 % sampled',
  'traces-100': 'traces, 100 % sampled',
};

/** What each is compared with, and how much more it may cost a call and side, in microseconds of CPU. */
export const LIMITS: Readonly<Partial<Record<Variant, { readonly over: Variant; readonly us?: number }>>> = {
  metrics: { over: 'nothing', us: 0.3 },
  module: { over: 'metrics', us: 0.05 },
  // What an application's own spans would cost, for comparison.
  'by-hand': { over: 'sdk' },
  // That an SDK follows every promise is not ours to count.
  within: { over: 'sdk', us: 3 },
  'traces-1': { over: 'sdk', us: 3 },
  'traces-100': { over: 'sdk', us: 15 },
};
