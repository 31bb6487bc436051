import type { IncomingMessage } from 'node:http';

import { isJsonObject, parseObject, type JsonObject } from '../../protocol/json.js';
import { Refusal } from './refusal.js';

const MAX_BYTES = 4_194_304;

/**
 * The JSON object that a request carries.
 *
 * @param read what the framework has made of it already
 * @throws Refusal for anything else, and for more than 4 MB
 */
export async function bodyOf(request: IncomingMessage, read: unknown): Promise<JsonObject> {
  if (isJsonObject(read)) return read;
  const text = typeof read === 'string' ? read : await textOf(request);
  const body = parseObject(text);
  if (body) return body;
  throw new Refusal(400, 'a JSON object is needed');
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > MAX_BYTES) throw new Refusal(413, `a request may have ${MAX_BYTES} bytes`);
  }
  return Buffer.concat(parts).toString();
}
