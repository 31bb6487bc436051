import { benchOptions } from '../support/options.js';
import { Report } from '../support/report.js';
import { median } from '../support/statistics.js';
import { MemorySpeed, type Library, type Measured } from '../../support/memory-speed.js';

/** The Redis in memory as it is built: how long tests wait for it. */
const compiled = (path: string) => new URL(`../../../build/${path}`, import.meta.url).href;
const library: Library = {
  index: (await import(compiled('index.js'))) as Library['index'],
  testing: (await import(compiled('testing/testing.js'))) as Library['testing'],
  scripts: (await import(compiled('streams/scripts/publish-scripts.js'))) as Library['scripts'],
};
const options = benchOptions();
const report = new Report('memory', options);
const ROUNDS = options.isQuick ? 3 : 7;
const speed = new MemorySpeed(library);

type Figure = (measured: Measured) => { readonly wall: number; readonly cpu: number };
const inMs: Figure = ({ wallMs, cpuMs }) => ({ wall: wallMs, cpu: cpuMs });
const perSecond: Figure = ({ count, wallMs, cpuMs }) => ({
  wall: (count / wallMs) * 1_000,
  cpu: (count / cpuMs) * 1_000,
});

const FIGURES: readonly (readonly [
  what: string,
  unit: string,
  run: () => Promise<Measured>,
  figure: Figure,
])[] = [
  ['an application of three services starts', 'ms', () => speed.start(), inMs],
  ['1,000 jobs, each tried again after an hour', 'ms', () => speed.jobs(), inMs],
  ['simple commands', 'a second', () => speed.commands(), perSecond],
  ["one of the library's scripts", 'a second', () => speed.scripts(), perSecond],
];

const rows = [];
for (const [what, unit, run, figure] of FIGURES) {
  const first = figure(await run());
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(figure(await run()));
  rows.push({
    what,
    unit,
    first: Math.round(first.wall),
    'median, wall': Math.round(median(rounds.map(({ wall }) => wall))),
    'median, CPU': Math.round(median(rounds.map(({ cpu }) => cpu))),
  });
}
report.facts(`median of ${ROUNDS} rounds after the first`, rows);
report.end();
