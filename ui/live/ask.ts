import { useCallback, useEffect, useState } from 'preact/hooks';

/** What the server has said was not done, and why. */
export class Refused extends Error {}

async function answered<T>(answer: Response): Promise<T> {
  const body = (await answer.json().catch(() => undefined)) as T & { readonly error?: string };
  if (answer.ok) return body;
  throw new Refused(body?.error ?? `the server answers ${answer.status}`);
}

/** Asks for something once. @throws Refused */
export async function ask<T>(what: string, words: Readonly<Record<string, string | undefined>>): Promise<T> {
  const said = Object.entries(words).filter((entry): entry is [string, string] => !!entry[1]);
  return answered(
    await fetch(`ask?${new URLSearchParams([['what', what], ...said])}`, { cache: 'no-store' }),
  );
}

/** Has something done. @throws Refused */
export async function act<T>(action: string, order: object): Promise<T> {
  const answer = await fetch('act', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hydra-dashboard': '1' },
    body: JSON.stringify({ ...order, action }),
  });
  return answered(answer);
}

/** Who looks at the page, and what they may do. */
export interface Session {
  readonly allowed: readonly string[];
  readonly isAll: boolean;
  readonly who: string;
  readonly namespace: string;
  readonly service?: string;
}

/** @throws Refused */
export async function askSession(): Promise<Session> {
  return answered(await fetch('session', { cache: 'no-store' }));
}

/** What was asked for, and how to ask again. */
export interface Asked<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly isWaiting: boolean;
  again(this: void): void;
}

/** Asks when the component comes, and when what is asked for changes. */
export function useAsked<T>(what: string, words: Readonly<Record<string, string | undefined>>): Asked<T> {
  const [state, setState] = useState<Omit<Asked<T>, 'again'>>({
    value: undefined,
    error: undefined,
    isWaiting: true,
  });
  const [count, setCount] = useState(0);
  const key = JSON.stringify(words);
  useEffect(() => {
    let isGone = false;
    setState((before) => ({ ...before, isWaiting: true }));
    ask<T>(what, JSON.parse(key) as Record<string, string>).then(
      (value) => isGone || setState({ value, error: undefined, isWaiting: false }),
      (error: Error) =>
        isGone || setState((before) => ({ ...before, error: error.message, isWaiting: false })),
    );
    return () => {
      isGone = true;
    };
  }, [what, key, count]);
  return { ...state, again: useCallback(() => setCount((n) => n + 1), []) };
}
