import { useEffect, useState } from 'preact/hooks';

/** Where the page is, from what follows `#/` in its address. */
export interface Route {
  readonly page: string;
  readonly words: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return routeOf(hash);
}

/** The address of a place in the page. */
export function href(
  page: string,
  words: readonly string[] = [],
  query: Readonly<Record<string, string>> = {},
): string {
  const path = [page, ...words].map(encodeURIComponent).join('/');
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString();
  return `#/${path}${asked && `?${asked}`}`;
}

/** Goes there, with the same way back. */
export function go(to: string): void {
  location.hash = to;
}

/** The same place, as if it had been there before: the way back leads past it. */
export function replace(to: string): void {
  history.replaceState(null, '', to);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

function routeOf(hash: string): Route {
  const [path = '', asked = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...words] = path.split('/').map(decoded);
  return { page: page || 'overview', words, query: Object.fromEntries(new URLSearchParams(asked)) };
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
