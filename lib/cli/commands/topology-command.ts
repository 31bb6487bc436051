import type { Command } from 'commander';
import { exhaustMap, timer } from 'rxjs';

import type { HydraInstance } from '../../hydra-instance.js';
import type { Topology, TopologyEdge } from '../../registry/topology/topology.js';
import { untilInterrupted, withInstance, type GlobalOptions } from '../session/session.js';
import { jsonText, note, print, printJson, printTable } from '../session/terminal.js';

const WATCH_EVERY_MS = 2_000;
const CLEAR = '\u001B[2J\u001B[H';

export function addTopologyCommand(program: Command): void {
  program
    .command('topology')
    .description('who calls whom: rate, errors and durations of calls, events, jobs and entries')
    .option('-w, --watch', 'again every two seconds, until Ctrl-C')
    .action(({ watch }: { watch?: boolean }, command: Command) =>
      withInstance(command, async (place, global) => {
        await place.discovery.start(true);
        if (watch) await watchTopology(place, global);
        else show(await place.discovery.topology(), global);
      }),
    );
}

function watchTopology({ discovery }: HydraInstance, { json }: GlobalOptions): Promise<void> {
  const looks = timer(0, WATCH_EVERY_MS).pipe(exhaustMap(() => discovery.topology()));
  return untilInterrupted(looks, (topology) => {
    if (json) return print(jsonText(topology));
    if (process.stdout.isTTY) process.stdout.write(CLEAR);
    printEdges(topology.edges);
  });
}

function show(topology: Topology, { json }: GlobalOptions): void {
  if (json) return printJson(topology);
  if (topology.edges.length === 0) return note('nobody has called anybody, as far as is known');
  printEdges(topology.edges);
}

function printEdges(edges: readonly TopologyEdge[]): void {
  const cells = edges.map(({ from, to, kind, pattern, calls, errors, ratePerS, p50Ms, p99Ms }) => [
    ...[from, to, kind, pattern, calls, ratePerS.toFixed(1)],
    ...[errors === 0 ? '-' : `${errors} (${((errors / Math.max(1, calls)) * 100).toFixed(1)} %)`],
    ...[p50Ms, p99Ms].map((ms) => (ms === undefined ? '-' : `${ms.toFixed(1)} ms`)),
  ]);
  printTable(['FROM', 'TO', 'KIND', 'PATTERN', 'COUNT', 'PER S', 'ERRORS', 'P50', 'P99'], cells);
}
