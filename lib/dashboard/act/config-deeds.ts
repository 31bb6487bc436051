import type { ConfigStore } from '../../config/config-store.js';
import { REDACTED } from '../../config/documents/config-secrets.js';
import { mapLeaves, pathText, valueAt } from '../../config/documents/document-paths.js';
import { isJsonObject, type JsonObject } from '../../protocol/json.js';
import type { Visitor } from '../access/gate.js';
import { Refusal } from '../http/refusal.js';
import type { Place } from '../facts/place.js';
import type { Deed, Doing } from './deed.js';
import type { Order } from './order.js';

const ALL = Number.MAX_SAFE_INTEGER;
/** A whole number of 16 digits or more, outside of texts. */
const LONG_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** What becomes of configurations. Each write says what it expects to be there. */
export const CONFIG_DEEDS = {
  'config.put': put,
  'config.rollback': ({ configs }: Place, order: Order, { who }: Visitor): Deed => {
    const service = order.text('service');
    const to = order.count('to', -1, ALL);
    return {
      what: `put the configuration of ${service} back to revision ${to}`,
      now: () =>
        configs.of(service).rollback(to, { by: who, expect: order.count('expect', 0, ALL), ...whyOf(order) }),
    };
  },
} satisfies Record<string, Doing>;

async function put({ configs }: Place, order: Order, { who }: Visitor): Promise<Deed> {
  const [service, version] = [order.text('service'), order.text('version')];
  const store = configs.of(service);
  const edited = documentOf(order.text('text'));
  const expect = order.count('expect', 0, ALL);
  return {
    what: `write the configuration ${service}:${version}`,
    now: async () => {
      const document = await withSecrets(store, version, edited);
      return store.put(version, document, { by: who, expect, ...whyOf(order) });
    },
  };
}

/** @throws Refusal for what is no JSON object, and for a number that would not be stored as it is written */
function documentOf(text: string): JsonObject {
  const inexact = [...text.matchAll(LONG_NUMBER)].find(
    ([word]) => !word.startsWith('"') && String(Number(word)) !== word,
  );
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

/** What the page shows as redacted stays as it is stored. */
async function withSecrets(store: ConfigStore, version: string, edited: JsonObject): Promise<JsonObject> {
  const stored = (await store.document(version))?.config;
  const kept = mapLeaves(edited, (leaf, path) => {
    if (leaf !== REDACTED) return leaf;
    const before = valueAt(stored, path);
    if (before !== undefined) return before;
    throw new Refusal(422, `${pathText(path)} is ${REDACTED}, and nothing is stored there: write its value`);
  });
  return kept as JsonObject;
}

function whyOf(order: Order): { readonly why?: string } {
  const why = order.maybe('why');
  return why === undefined ? {} : { why };
}
