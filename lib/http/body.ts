import { mustBePlain } from '../protocol/payload.js';

/**
 * What `fetch` sends as it is.
 *
 * @publicApi
 */
export type FetchBody = NonNullable<RequestInit['body']>;

/** What a request can carry: anything `fetch` sends as it is, or a value to be sent as JSON. */
export type HttpBody = FetchBody | object | number | boolean | null;

export interface EncodedBody {
  readonly body: FetchBody | undefined;
  readonly contentType: string | undefined;
  /** A stream can be read only once, so such a request is never repeated. */
  readonly isReplayable: boolean;
}

/**
 * Text, bytes, forms and streams as they are; everything else as JSON.
 *
 * @throws HydraError `BAD_PAYLOAD` for what is no JSON data
 */
export function encodeBody(body: HttpBody | undefined): EncodedBody {
  if (body === undefined) return { body: undefined, contentType: undefined, isReplayable: true };
  if (isStream(body)) return { body: body as FetchBody, contentType: undefined, isReplayable: false };
  if (isSentAsIs(body)) return { body, contentType: undefined, isReplayable: true };
  mustBePlain(body, 'the body of a request');
  return { body: JSON.stringify(body), contentType: 'application/json', isReplayable: true };
}

function isSentAsIs(body: HttpBody): body is FetchBody {
  return (
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob
  );
}

function isStream(body: HttpBody): boolean {
  return (
    body instanceof ReadableStream ||
    (typeof body === 'object' && body !== null && Symbol.asyncIterator in body)
  );
}
