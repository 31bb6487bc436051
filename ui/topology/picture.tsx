import type { TopologyNode } from '../../lib/registry/topology/topology.js';
import { brief, counted, millis, percent } from '../parts/words.js';
import { href } from '../route.js';
import type { Bundle } from './bundles.js';
import { labelHeights } from './labels.js';
import { lanesOf, layout, type Spot } from './layout.js';

const WIDTH = 150;
const HEIGHT = 40;
/** As wide as the words of a line. */
const GAP_X = 134;
const GAP_Y = 26;
const MARGIN = 12;
/** Right of the last column: what goes from a node to itself. */
const LOOP = 40;
const NAME_CHARACTERS = 18;
/** How high a line of words is. */
const LINE = 14;
/** With more lines than these, only those of the chosen node have words. */
const MAX_WORDED = 12;

/** Where everything was that was ever shown, so that whoever comes back finds it there. */
let places: ReadonlyMap<string, Spot> = new Map();

interface PictureProps {
  readonly nodes: readonly TopologyNode[];
  readonly bundles: readonly Bundle[];
  readonly chosen: string | undefined;
  /** Services of whose instances nothing is known. */
  readonly unread: readonly string[];
}

/** Nodes and what goes between them. The table below says the same in words. */
export function Picture({ nodes, bundles, chosen, unread }: PictureProps) {
  const names = nodes.map(({ name }) => name);
  places = layout(names, bundles, places);
  const spots = new Map(names.map((name) => [name, places.get(name)!]));
  const lanes = lanesOf(bundles, spots);
  const isNear = (bundle: Bundle) => chosen === undefined || bundle.from === chosen || bundle.to === chosen;
  const labels = labelsOf(
    bundles.map((bundle, index) => ({ bundle, lane: lanes[index]! })),
    spots,
    (bundle) => isNear(bundle) && (bundles.length <= MAX_WORDED || chosen !== undefined),
  );
  const { width, height } = sizeOf([...spots.values(), ...lanes.flat()], [...labels.values()]);
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
            from={spots.get(bundle.from)!}
            to={spots.get(bundle.to)!}
            lane={lanes[index]!}
            isDim={!isNear(bundle)}
            label={labels.get(bundle)}
          />
        ))}
        {nodes.map((node) => (
          <Node
            key={node.name}
            node={node}
            spot={spots.get(node.name)!}
            isChosen={node.name === chosen}
            isUnread={unread.includes(node.name)}
          />
        ))}
      </svg>
    </div>
  );
}

/** So that all of it is inside. */
function sizeOf(spots: readonly Spot[], labels: readonly Point[]): { width: number; height: number } {
  const corners = spots.map(cornerOf);
  const right = [...corners.map(({ x }) => x + WIDTH + LOOP), ...labels.map(({ x }) => x + GAP_X / 2)];
  const bottom = [...corners.map(({ y }) => y + HEIGHT), ...labels.map(({ y }) => y + LINE)];
  return { width: Math.max(0, ...right) + MARGIN, height: Math.max(0, ...bottom) + MARGIN };
}

interface Lined {
  readonly bundle: Bundle;
  readonly lane: readonly Spot[];
}

/** Where the words of lines stand: right of the column where a line begins, so that they cover no node, and not over each other. */
function labelsOf(
  lines: readonly Lined[],
  spots: ReadonlyMap<string, Spot>,
  hasWords: (bundle: Bundle) => boolean,
): ReadonlyMap<Bundle, Point> {
  const worded = lines.filter(({ bundle }) => bundle.from !== bundle.to && hasWords(bundle));
  const wanted = worded.map(({ bundle, lane }) => {
    const [from, next] = [spots.get(bundle.from)!, lane[0] ?? spots.get(bundle.to)!];
    const [a, b] = [cornerOf(from).y, cornerOf(next).y];
    const isForward = next.column > from.column;
    return { column: from.column, y: (isForward ? (a + b) / 2 : a) + HEIGHT / 2 - 4 };
  });
  const heights = labelHeights(wanted, LINE);
  return new Map(
    worded.map(({ bundle }, index) => {
      const { x } = cornerOf(spots.get(bundle.from)!);
      return [bundle, { x: x + WIDTH + GAP_X / 2, y: heights[index]! }] as const;
    }),
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
  /** Where its words stand; undefined where it has none. */
  readonly label: Point | undefined;
}

function Arrow({ bundle, from, to, lane, isDim, label }: ArrowProps) {
  const { ratePerS, errors, calls, p99Ms } = bundle;
  const isLoop = bundle.from === bundle.to;
  const gaps = isLoop ? [loopAt(from)] : gapsOf([from, ...lane, to]);
  const { end } = gaps.at(-1)!;
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
      {label && (
        <text x={label.x} y={label.y} class="small" text-anchor="middle">
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
