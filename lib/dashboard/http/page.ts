import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

import { PAGE_FILES } from '../page-files.js';
import { Refusal } from './refusal.js';
import { SECURITY_HEADERS } from './headers.js';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

interface Packed {
  readonly type: string;
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
}

const packed = new Map<string, Packed>();

/** The names of the files that the page is made of. */
export const PAGE_NAMES = ['page.html', 'page.js', 'page.css', 'icon.svg'] as const;

/**
 * Sends a file of the page, unless the browser has it.
 *
 * @throws Refusal where the page was not built
 */
export function sendFile(request: IncomingMessage, response: ServerResponse, name: string): void {
  const { type, etag, plain, gzip } = fileOf(name);
  const isPacked = /\bgzip\b/.test(String(request.headers['accept-encoding']));
  const headers = { ...SECURITY_HEADERS, etag, 'cache-control': 'no-cache', vary: 'accept-encoding' };
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
  const body = isPacked ? gzip : plain;
  const encoding = isPacked ? { 'content-encoding': 'gzip' } : {};
  response.writeHead(200, { ...headers, ...encoding, 'content-type': type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function fileOf(name: string): Packed {
  const known = packed.get(name);
  if (known) return known;
  const text = PAGE_FILES[name];
  if (text === undefined) throw new Refusal(404, `there is no ${name}: the page is made by npm run build`);
  const plain = Buffer.from(text);
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 20)}"`;
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  const made = { type, etag, plain, gzip: gzipSync(plain) };
  packed.set(name, made);
  return made;
}
