import type { IncomingMessage } from 'node:http';

/** A page of another site cannot send it without asking, and is not answered. */
export const OWN_HEADER = 'x-hydra-dashboard';

/** Whether a read may be answered: not to a script, an image or a frame of another site. */
export function mayRead({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin' || site === 'none';
}

/** A link may lead here from everywhere, as long as the page is not shown inside another one. */
export function mayShow(request: IncomingMessage): boolean {
  const { 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = request.headers;
  return mayRead(request) || (mode === 'navigate' && destination === 'document');
}

/** Why what a request asks to be done is not done; undefined where the page itself asks. */
export function crossSite(request: IncomingMessage): string | undefined {
  const { headers } = request;
  if (!mayRead(request)) return 'it comes from another site';
  if (headers[OWN_HEADER] === undefined) return `it has no ${OWN_HEADER}`;
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return 'it is no application/json';
  const { origin, host } = headers;
  if (headers['sec-fetch-site'] !== undefined || origin === undefined) return undefined;
  // An older browser. What else names a host, such as x-forwarded-host, is what the sender wrote.
  return host === origin.replace(/^https?:\/\//, '') ? undefined : 'it comes from another site';
}
