import { cpus } from 'node:os';

import { formatCount, formatMs, tableLines } from '../../../tools/terminal.mjs';
import type { BenchOptions } from './options.js';
import { ratio, type Figures } from './rounds.js';

/** The verdict of a fact that is beyond its limit: then the bench exits with 1. */
export const TOO_LONG = 'TOO LONG';

export type Facts = Readonly<Record<string, string | number>>;

interface Section {
  readonly title: string;
  readonly figures?: readonly Figures[];
  readonly facts?: readonly Facts[];
  readonly note?: string;
}

/** Shows each section as it comes in, as a table; with `--json` the whole at the end, for a program. */
export class Report {
  private readonly sections: Section[] = [];

  constructor(
    private readonly bench: string,
    private readonly options: BenchOptions,
  ) {}

  /** Figures side by side, each with its ratio to those contestants. CPU is that of 1,000 operations. */
  compared(title: string, figures: readonly Figures[], against: readonly string[]): void {
    const rivals = figures.filter(({ name }) => against.includes(name));
    this.sections.push({ title, figures });
    const heading = [
      title,
      'per s',
      'lowest – highest',
      'p50',
      'p99',
      'commands',
      'client CPU',
      'server CPU',
      ...rivals.map(({ name }) => `× ${name}`),
    ];
    this.show([heading, ...figures.map((one) => rowOf(one, rivals))]);
  }

  /** Anything else that was measured: one row a fact, its members the columns. */
  facts(title: string, facts: readonly Facts[]): void {
    this.sections.push({ title, facts });
    if (facts.some((fact) => Object.values(fact).includes(TOO_LONG))) process.exitCode = 1;
    const names = Object.keys(facts[0] ?? {});
    const rows = facts.map((fact) => names.map((name) => String(fact[name] ?? '')));
    this.show([[`${title}: ${names[0]}`, ...names.slice(1)], ...rows]);
  }

  note(note: string): void {
    this.sections.push({ title: 'note', note });
    this.options.log(note);
  }

  end(): void {
    if (!this.options.isJson) return;
    const { bench, sections } = this;
    process.stdout.write(
      `${JSON.stringify({ bench, at: new Date().toISOString(), machine: machine(), sections })}\n`,
    );
  }

  private show(rows: string[][]): void {
    this.options.log(`\n${tableLines(rows).join('\n')}`);
  }
}

function rowOf(one: Figures, rivals: readonly Figures[]): string[] {
  return [
    one.name,
    formatCount(one.rate),
    one.rateRange.map(formatCount).join(' – '),
    formatMs(one.p50Ms),
    formatMs(one.p99Ms),
    formatNumber(one.commandsPerOperation),
    formatMs(one.clientCpuMs),
    formatMs(one.serverCpuMs),
    ...rivals.map((rival) => formatNumber(ratio(one, rival))),
  ];
}

const formatNumber = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : '–');

/** What the figures depend on. */
export function machine(): Facts {
  const [cpu, ...others] = cpus();
  return { cpu: cpu?.model ?? 'unknown', cores: others.length + 1, node: process.version };
}
