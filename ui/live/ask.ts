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

interface Answered<T> extends Omit<Asked<T>, 'again'> {
  /** The question. */
  readonly key: string;
}

/** Asks when the component comes, and when what is asked for changes. */
export function useAsked<T>(what: string, words: Readonly<Record<string, string | undefined>>): Asked<T> {
  const key = JSON.stringify([what, words]);
  const nothing: Answered<T> = { key, value: undefined, error: undefined, isWaiting: true };
  const [latest, setState] = useState(nothing);
  const [count, setCount] = useState(0);
  // What was answered to another question is no answer to this one.
  const { key: _key, ...state } = latest.key === key ? latest : nothing;
  useEffect(() => {
    let isGone = false;
    const told = (news: Partial<Answered<T>>) =>
      setState((before) => ({ ...(before.key === key ? before : nothing), ...news }));
    told({ isWaiting: true });
    ask<T>(what, words).then(
      (value) => isGone || told({ value, error: undefined, isWaiting: false }),
      (error: Error) => isGone || told({ error: error.message, isWaiting: false }),
    );
    return () => {
      isGone = true;
    };
  }, [key, count]);
  return { ...state, again: useCallback(() => setCount((n) => n + 1), []) };
}
