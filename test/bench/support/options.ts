import { parseArgs } from 'node:util';

/** What every benchmark can be told on its command line. */
export interface BenchOptions {
  readonly redisUrl: string;
  /** `--json`: one JSON document on stdout, and the tables on stderr. */
  readonly isJson: boolean;
  /** `--only=ours,floor`: contestants whose name starts with one of these; all of them when empty. */
  readonly only: readonly string[];
  /** `--part=kill,idle`: whether that part of the benchmark is to run; every one without it. */
  wants(part: string): boolean;
  /** Runs that count. `--quick`: 2 instead of 5. */
  readonly rounds: number;
  /** Length of one run, in milliseconds. `--quick`: 300 instead of 1000. */
  readonly runMs: number;
  readonly isQuick: boolean;
  log(line: string): void;
}

export function benchOptions(): BenchOptions {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      part: { type: 'string', default: '' },
    },
  });
  const out = values.json ? process.stderr : process.stdout;
  return {
    redisUrl: process.env['BENCH_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
    isJson: values.json,
    isQuick: values.quick,
    only: values.only.toLowerCase().split(',').filter(Boolean),
    wants: (part) => values.part === '' || values.part.split(',').includes(part),
    rounds: values.quick ? 2 : 5,
    runMs: values.quick ? 300 : 1_000,
    log: (line) => void out.write(`${line}\n`),
  };
}

/** Whether `--only` lets this contestant take part. */
export function takesPart({ only }: BenchOptions, name: string): boolean {
  return only.length === 0 || only.some((word) => name.toLowerCase().startsWith(word));
}
