import { useEffect, useRef, useState } from 'preact/hooks';

import type { LogLine } from '../../lib/dashboard/facts/log-tail.js';
import { topic, useTopic } from '../live/topics.js';
import type { PageProps } from '../page-props.js';
import { Nothing, Problem } from '../parts/shown.js';
import { short } from '../parts/words.js';
import { href, replace } from '../route.js';

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'verbose'];
const SHOWN = 500;
/** Within so many pixels of the end, a person reads the newest lines. */
const NEAR_END_PX = 40;

/** What instances log, as it comes: of all, of a service, or of one instance. */
export function LogsPage({ words, query }: PageProps) {
  const [service, instance] = words;
  const of = [service, instance].filter((word) => word !== undefined);
  const { value, problem } = useTopic<readonly LogLine[]>(topic('logs', ...of));
  const set = (change: Readonly<Record<string, string>>) =>
    replace(href('logs', of, { ...query, ...change }));
  const { level = '', text = '', trace = '' } = query;
  const lines = (value ?? []).filter((line) => passes(line, { level, text, trace })).slice(-SHOWN);
  return (
    <>
      <Problem text={problem} />
      <p>
        {service === undefined ? (
          'Of all services'
        ) : (
          <>
            Of {service}
            {instance !== undefined && `, instance ${short(instance)}`} (<a href={href('logs')}>of all</a>)
          </>
        )}
      </p>
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <label>
          Level{' '}
          <select value={level} onChange={(event) => set({ level: event.currentTarget.value })}>
            <option value="">all</option>
            {LEVELS.map((name) => (
              <option key={name} value={name}>
                {name} and worse
              </option>
            ))}
          </select>
        </label>
        <label>
          Text{' '}
          <input type="search" value={text} onInput={(event) => set({ text: event.currentTarget.value })} />
        </label>
        <label>
          Trace{' '}
          <input type="search" value={trace} onInput={(event) => set({ trace: event.currentTarget.value })} />
        </label>
      </form>
      {value === undefined ? (
        <Nothing>Reading…</Nothing>
      ) : (
        <Lines lines={lines} onTrace={(id) => set({ trace: id })} />
      )}
    </>
  );
}

interface LinesProps {
  readonly lines: readonly LogLine[];
  readonly onTrace: (trace: string) => void;
}

function Lines({ lines, onTrace }: LinesProps) {
  const place = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  useEffect(() => {
    if (follows && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [lines.length, lines.at(-1)?.at, follows]);
  const scrolled = ({
    currentTarget: { scrollHeight, scrollTop, clientHeight },
  }: {
    currentTarget: HTMLElement;
  }) => setFollows(scrollHeight - scrollTop - clientHeight < NEAR_END_PX);
  if (lines.length === 0) return <Nothing>No line passes.</Nothing>;
  return (
    <div class="log" ref={place} onScroll={scrolled} tabIndex={0} role="log" aria-label="Log">
      {lines.map((line, index) => (
        <Line key={`${line.at} ${line.instance} ${index}`} line={line} onTrace={onTrace} />
      ))}
    </div>
  );
}

function Line({ line, onTrace }: { readonly line: LogLine; readonly onTrace: (trace: string) => void }) {
  const { at, service, instance, level, text, context, stack, trace } = line;
  return (
    <div class={`line ${level}`}>
      <time dateTime={at}>{at.slice(11, 23)}</time> <b>{level}</b>{' '}
      <a href={href('logs', [service, instance])} title={instance}>
        {service}/{short(instance)}
      </a>{' '}
      {context !== undefined && <span class="quiet">[{context}] </span>}
      <span class="text">{text}</span>
      {trace !== undefined && (
        <button type="button" class="link" onClick={() => onTrace(trace)}>
          its trace
        </button>
      )}
      {stack !== undefined && <pre>{stack}</pre>}
    </div>
  );
}

/** Other words than ours for a level are shown with all. */
function passes(
  line: LogLine,
  { level, text, trace }: { level: string; text: string; trace: string },
): boolean {
  const rank = LEVELS.indexOf(line.level === 'warning' ? 'warn' : line.level === 'log' ? 'info' : line.level);
  if (level !== '' && (rank < 0 || rank > LEVELS.indexOf(level))) return false;
  if (trace !== '' && line.trace !== trace) return false;
  return (
    text === '' ||
    `${line.text} ${line.context ?? ''} ${line.stack ?? ''}`.toLowerCase().includes(text.toLowerCase())
  );
}
