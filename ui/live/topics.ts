import { useEffect, useState } from 'preact/hooks';

import type { ServerEvent } from './event-reader.js';
import { LiveStream, type LinkState } from './live-stream.js';

/** What is known of something that is watched. */
export interface Known<T> {
  /** Undefined until it was read for the first time. */
  readonly value: T | undefined;
  /** Why it could not be read lately; the value is an older one then. */
  readonly problem: string | undefined;
  /** When it came. */
  readonly at: number;
}

const NOTHING: Known<never> = { value: undefined, problem: undefined, at: 0 };
/** Of what is told bit by bit, so much is kept. */
const KEPT_PARTS = 3_000;

const known = new Map<string, Known<unknown>>();
const watchers = new Map<string, Set<() => void>>();
const linkWatchers = new Set<() => void>();
let link: { readonly state: LinkState; readonly why: string | undefined } = {
  state: 'connecting',
  why: undefined,
};

const stream = new LiveStream({
  event: heard,
  state: (state, why) => {
    link = { state, why };
    for (const look of linkWatchers) look();
  },
});

function heard({ name: given, data }: ServerEvent): void {
  const isPart = given.startsWith('part ');
  const name = isPart ? given.slice('part '.length) : given;
  const news = JSON.parse(data) as { readonly value?: unknown; readonly problem?: string };
  const before = known.get(name) ?? NOTHING;
  if (news.problem !== undefined) known.set(name, { ...before, problem: news.problem });
  else {
    const value = isPart ? joined(before.value, news.value) : news.value;
    known.set(name, { value, problem: undefined, at: Date.now() });
  }
  for (const look of watchers.get(name) ?? []) look();
}

function joined(before: unknown, added: unknown): unknown {
  return Array.isArray(before) && Array.isArray(added) ? [...before, ...added].slice(-KEPT_PARTS) : added;
}

/** Long enough for one page to go and the next to come: what both watch is not interrupted. */
const SETTLE_MS = 50;
let settling: ReturnType<typeof setTimeout> | undefined;

function rewatch(): void {
  clearTimeout(settling);
  settling = setTimeout(() => {
    for (const name of known.keys()) if (!watchers.has(name)) known.delete(name);
    stream.watch([...watchers.keys()].toSorted());
  }, SETTLE_MS);
}

/** Watches something while the component is there. */
export function useTopic<T>(name: string): Known<T> {
  const [, redraw] = useState({});
  useEffect(() => {
    const look = () => redraw({});
    const own = watchers.get(name) ?? new Set();
    watchers.set(name, own.add(look));
    rewatch();
    return () => {
      own.delete(look);
      if (own.size === 0) watchers.delete(name);
      rewatch();
    };
  }, [name]);
  return (known.get(name) ?? NOTHING) as Known<T>;
}

/** How it stands with the connection to the server. */
export function useLink(): typeof link {
  const [, redraw] = useState({});
  useEffect(() => {
    const look = () => redraw({});
    linkWatchers.add(look);
    return () => void linkWatchers.delete(look);
  }, []);
  return link;
}

/** The name of a topic. */
export function topic(kind: string, ...words: readonly string[]): string {
  return [kind, ...words.map(encodeURIComponent)].join('/');
}
