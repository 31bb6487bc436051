import type { ConfigStore } from '../../config/config-store.js';
import { redact } from '../../config/documents/config-secrets.js';
import { isJsonObject, type JsonObject } from '../../protocol/json.js';
import type { Visitor } from '../access/gate.js';
import { Refusal } from '../http/refusal.js';
import type { Place } from '../facts/place.js';
import type { Deed, Doing } from './deed.js';
import { keptSecrets } from './kept-secrets.js';
import type { Order } from './order.js';

const ALL = Number.MAX_SAFE_INTEGER;
/** Texts, and numbers outside of them: the digits before the point, and the rest. */
const NUMBER = /"(?:[^"\\]|\\.)*"|-?(\d+)((?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
/** Fewer are always kept. */
const MANY_DIGITS = 16;

/** What becomes of configurations. Each write says what it expects to be there. */
export const CONFIG_DEEDS = {
  'config.put': put,
  'config.rollback': ({ configs }: Place, order: Order, { who }: Visitor): Deed => {
    const service = order.text('service');
    const [to, expect] = [order.count('to', -1, ALL), order.count('expect', 0, ALL)];
    const change = { by: who, expect, ...whyOf(order) };
    return {
      what: `put the configuration of ${service} back to revision ${to}`,
      now: () => configs.of(service).rollback(to, change),
    };
  },
} satisfies Record<string, Doing>;

async function put({ configs }: Place, order: Order, { who }: Visitor): Promise<Deed> {
  const [service, version] = [order.text('service'), order.text('version')];
  const store = configs.of(service);
  const edited = documentOf(order.text('text'));
  const change = { by: who, expect: order.count('expect', 0, ALL), ...whyOf(order) };
  return {
    what: `write the configuration ${service}:${version}`,
    now: async () => store.put(version, await withSecrets(store, version, edited), change),
  };
}

/** @throws Refusal for what is no JSON object, and for a number that would not be stored as it is written */
function documentOf(text: string): JsonObject {
  const inexact = [...text.matchAll(NUMBER)].find(isInexact);
  if (inexact)
    throw new Refusal(
      422,
      `${inexact[0]} has more digits than a number in JavaScript keeps: write it in quotes`,
    );
  try {
    const document: unknown = JSON.parse(text);
    if (isJsonObject(document)) return document;
  } catch (error) {
    throw new Refusal(422, `this is no JSON: ${(error as Error).message}`);
  }
  throw new Refusal(422, 'a configuration is a JSON object');
}

/** A whole number that would become another one, or a number that JSON has no word for. Fractions are never exact. */
function isInexact([word, digits = '', rest]: RegExpMatchArray): boolean {
  if (digits === '') return false;
  if (!Number.isFinite(Number(word))) return true;
  return rest === '' && digits.length >= MANY_DIGITS && String(Number(word)) !== word;
}

/** What the page shows as redacted stays as it is stored. */
async function withSecrets(store: ConfigStore, version: string, edited: JsonObject): Promise<JsonObject> {
  const [stored, isSecret] = await Promise.all([store.document(version), store.secretTest()]);
  const config = stored?.config;
  return keptSecrets(edited, { stored: config, shown: redact(config, isSecret) }) as JsonObject;
}

function whyOf(order: Order): { readonly why?: string } {
  const why = order.maybe('why');
  return why === undefined ? {} : { why };
}
