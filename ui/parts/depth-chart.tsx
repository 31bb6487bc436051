import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

/** One line of a chart. */
export interface Line {
  readonly label: string;
  /** The name of a colour of the style sheet. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly label: string;
  /** In seconds since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

const HEIGHT_PX = 180;

/** Numbers over time. What it shows last is said in words too. */
export function DepthChart({ label, times, lines }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const data = [times, ...lines.map(({ values }) => values)] as uPlot.AlignedData;
  useEffect(() => {
    const box = place.current!;
    const made = new uPlot(optionsOf(box, lines), data, box);
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT_PX }));
    resized.observe(box);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [times.at(-1)]);
  const latest = lines.map((line) => `${line.label} ${line.values.at(-1) ?? 'not known'}`).join(', ');
  return <div class="chart" ref={place} role="img" aria-label={`${label}: ${latest}`} />;
}

function optionsOf(box: HTMLElement, lines: readonly Line[]): uPlot.Options {
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour('quiet'),
    grid: { stroke: colour('line') },
    ticks: { stroke: colour('line') },
  };
  return {
    width: box.clientWidth || 300,
    height: HEIGHT_PX,
    cursor: { drag: { x: false, y: false } },
    axes: [axis, { ...axis, size: 60 }],
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.1)] } },
    series: [{}, ...lines.map(({ label, colour: name }) => ({ label, stroke: colour(name), width: 2 }))],
  };
}
