import { useRef } from 'preact/hooks';

import type { TopologyNode } from '../../lib/registry/topology/topology.js';
import { brief, counted, millis, percent } from '../parts/words.js';
import { href } from '../route.js';
import type { Bundle } from './bundles.js';
import { lanesOf, layout, type Spot } from './layout.js';

const WIDTH = 150;
const HEIGHT = 40;
const GAP_X = 128;
const GAP_Y = 26;
const MARGIN = 12;
/** Right of the last column: what goes from a node to itself. */
const LOOP = 40;
const NAME_CHARACTERS = 18;
/** With more lines than these, only those of the chosen node have words. */
const MAX_WORDED = 12;

interface PictureProps {
  readonly nodes: readonly TopologyNode[];
  readonly bundles: readonly Bundle[];
  readonly chosen: string | undefined;
  /** Services of whose instances nothing is known. */
  readonly unread: readonly string[];
}

/** Nodes and what goes between them. The table below says the same in words. */
export function Picture({ nodes, bundles, chosen, unread }: PictureProps) {
  const spots = useRef<ReadonlyMap<string, Spot>>(new Map());
  spots.current = layout(
    nodes.map(({ name }) => name),
    bundles,
    spots.current,
  );
  const lanes = lanesOf(bundles, spots.current);
  const all = [...spots.current.values(), ...lanes.flat()];
  const width =
    2 * MARGIN + (Math.max(0, ...all.map(({ column }) => column)) + 1) * (WIDTH + GAP_X) - GAP_X + LOOP;
  const height = 2 * MARGIN + (Math.max(0, ...all.map(({ row }) => row)) + 1) * (HEIGHT + GAP_Y) - GAP_Y;
  const isNear = (bundle: Bundle) => chosen === undefined || bundle.from === chosen || bundle.to === chosen;
  return (
    <div class="scroll picture" tabIndex={0} role="region" aria-label="Who calls whom">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="group"
        aria-label="Services and streams"
      >
        {bundles.map((bundle, index) => (
          <Arrow
            key={`${bundle.from} ${bundle.to}`}
            bundle={bundle}
            from={spots.current.get(bundle.from)!}
            to={spots.current.get(bundle.to)!}
            lane={lanes[index]!}
            isDim={!isNear(bundle)}
            hasWords={bundles.length <= MAX_WORDED || (chosen !== undefined && isNear(bundle))}
          />
        ))}
        {nodes.map((node) => (
          <Node
            key={node.name}
            node={node}
            spot={spots.current.get(node.name)!}
            isChosen={node.name === chosen}
            isUnread={unread.includes(node.name)}
          />
        ))}
      </svg>
    </div>
  );
}

interface NodeProps {
  readonly node: TopologyNode;
  readonly spot: Spot;
  readonly isChosen: boolean;
  readonly isUnread: boolean;
}

function Node({ node: { name, kind, instances }, spot, isChosen, isUnread }: NodeProps) {
  const { x, y } = cornerOf(spot);
  const shown = name.replace(/^stream:/, '');
  const isLong = shown.length > NAME_CHARACTERS;
  const isGone = kind === 'service' && instances === 0 && !isUnread;
  const ofService = isUnread ? 'not looked at' : isGone ? 'not there' : counted(instances, 'instance');
  const below = kind === 'stream' ? 'stream' : ofService;
  return (
    <a
      href={href('topology', [], isChosen ? {} : { node: name })}
      aria-current={isChosen ? 'true' : undefined}
    >
      <g class={`node ${kind} ${isChosen ? 'chosen' : ''} ${isGone ? 'gone' : ''}`}>
        {isLong && <title>{name}</title>}
        <rect x={x} y={y} width={WIDTH} height={HEIGHT} rx={kind === 'stream' ? 20 : 6} />
        <text x={x + 12} y={y + 17}>
          {isLong ? `${shown.slice(0, NAME_CHARACTERS - 1)}…` : shown}
        </text>
        <text x={x + 12} y={y + 32} class="small">
          {below}
        </text>
      </g>
    </a>
  );
}

interface ArrowProps {
  readonly bundle: Bundle;
  readonly from: Spot;
  readonly to: Spot;
  /** What it passes on its way. */
  readonly lane: readonly Spot[];
  readonly isDim: boolean;
  readonly hasWords: boolean;
}

function Arrow({ bundle, from, to, lane, isDim, hasWords }: ArrowProps) {
  const { ratePerS, errors, calls, p99Ms } = bundle;
  const isLoop = bundle.from === bundle.to;
  const gaps = isLoop ? [loopAt(from)] : gapsOf([from, ...lane, to]);
  const [{ start, end: next }, { end }] = [gaps[0]!, gaps.at(-1)!];
  const share = calls > 0 ? errors / calls : 0;
  const tone = share > 0.05 ? 'bad' : ratePerS > 0 ? 'busy' : 'idle';
  const words = [
    `${brief(ratePerS)}/s`,
    ...(p99Ms === undefined ? [] : [p99Ms < 1_000 ? `${brief(p99Ms)} ms` : millis(p99Ms)]),
    ...(errors > 0 ? [percent(share)] : []),
  ];
  return (
    <g class={`arrow ${tone} ${isDim ? 'dim' : ''}`}>
      <path d={lineOf(gaps)} stroke-width={1.2 + Math.min(4, Math.log10(1 + ratePerS))} />
      <path class="head" d={`M${end.x},${end.y} l${isLoop ? 8 : -8},-4 v8 z`} />
      {hasWords && !isDim && !isLoop && (
        <text x={(start.x + next.x) / 2} y={(start.y + next.y) / 2 - 4} class="small" text-anchor="middle">
          {words.join(' · ')}
        </text>
      )}
    </g>
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line between two columns, and how far it goes straight on at either end. */
interface Gap {
  readonly start: Point;
  readonly end: Point;
  readonly bend: readonly [out: number, back: number];
}

function gapsOf(stops: readonly Spot[]): readonly Gap[] {
  return stops.slice(1).map((to, index) => {
    const [a, b] = [cornerOf(stops[index]!), cornerOf(to)];
    const [start, end] = [
      { x: a.x + WIDTH, y: a.y + HEIGHT / 2 },
      { x: b.x, y: b.y + HEIGHT / 2 },
    ];
    const bend = Math.max(60, Math.abs(end.x - start.x) / 2);
    return { start, end, bend: [bend, -bend] };
  });
}

function loopAt(spot: Spot): Gap {
  const { x, y } = cornerOf(spot);
  const [start, end] = [
    { x: x + WIDTH, y: y + HEIGHT / 2 - 10 },
    { x: x + WIDTH, y: y + HEIGHT / 2 + 10 },
  ];
  return { start, end, bend: [LOOP, LOOP] };
}

function lineOf(gaps: readonly Gap[]): string {
  const parts = gaps.map(({ start, end, bend: [out, back] }, index) => {
    const to = `${start.x + out},${start.y} ${end.x + back},${end.y} ${end.x},${end.y}`;
    return `${index === 0 ? 'M' : 'L'}${start.x},${start.y} C${to}`;
  });
  return parts.join(' ');
}

function cornerOf({ column, row }: Spot): { readonly x: number; readonly y: number } {
  return { x: MARGIN + column * (WIDTH + GAP_X), y: MARGIN + row * (HEIGHT + GAP_Y) };
}
