import { useRef } from 'preact/hooks';

const KEPT = 720;

/** What a value was, each time that it came, since the component is there. */
export function useHistory<T>(
  value: T | undefined,
  at: number,
): readonly (readonly [at: number, value: T])[] {
  const kept = useRef<(readonly [number, T])[]>([]);
  if (value !== undefined && at > 0 && kept.current.at(-1)?.[0] !== at)
    kept.current = [...kept.current, [at, value] as const].slice(-KEPT);
  return kept.current;
}
