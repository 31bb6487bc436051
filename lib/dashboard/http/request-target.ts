import type { IncomingMessage } from 'node:http';

/** What a request asks for. */
export interface RequestTarget {
  readonly path: string;
  readonly words: URLSearchParams;
}

/** Never throws: clients may write anything there, such as `//`, which is no URL. */
export function targetOf({ url = '' }: Pick<IncomingMessage, 'url'>): RequestTarget {
  const [path = '', words = ''] = url.replace(/^https?:\/\/[^/?]*/i, '').split(/\?(.*)/s, 2);
  return { path, words: new URLSearchParams(words) };
}
