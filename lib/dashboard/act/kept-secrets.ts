import { REDACTED } from '../../options/secret-names.js';
import { pathText, type Path } from '../../config/documents/document-paths.js';
import { isJsonObject } from '../../protocol/json.js';
import { Refusal } from '../http/refusal.js';

/** The same part of a document twice. */
interface Before {
  readonly stored: unknown;
  /** With its secrets redacted. */
  readonly shown: unknown;
}

/**
 * An edited document with the secrets that were redacted in it, as they are stored.
 *
 * Elements of lists have no names. One that was not edited is known by what is in it, and an edited one by its place where all others
 * are at theirs. So a secret never comes to another element, whatever was removed, added or moved.
 *
 * @throws Refusal for a secret of which it is not certain what is stored
 */
export function keptSecrets(edited: unknown, before: Before, path: Path = []): unknown {
  if (edited === REDACTED) return secretOf(before, path);
  if (Array.isArray(edited)) return keptInList(edited, before, path);
  if (!isJsonObject(edited)) return edited;
  const members = Object.entries(edited).map(([name, member]) => {
    const same = { stored: memberOf(before.stored, name), shown: memberOf(before.shown, name) };
    return [name, keptSecrets(member, same, [...path, name])] as const;
  });
  return Object.fromEntries(members);
}

function secretOf({ stored, shown }: Before, path: Path): unknown {
  if (shown === REDACTED) return stored;
  const text = `${pathText(path)} is ${REDACTED}, and it is not certain which value is meant: write its value`;
  throw new Refusal(422, text);
}

function keptInList(edited: readonly unknown[], { stored, shown }: Before, path: Path): unknown[] {
  const [storedItems, shownItems] = [listOf(stored), listOf(shown)];
  const texts = shownItems.map((item) => JSON.stringify(item));
  const others = edited.filter((item, index) => JSON.stringify(item) !== texts[index]).length;
  const isInPlace = edited.length === texts.length && others <= 1;
  const places = placesOf(texts);
  return edited.map((item, index) => {
    const at = isInPlace ? index : places.get(JSON.stringify(item));
    const same = at === undefined ? NOTHING : { stored: storedItems[at], shown: shownItems[at] };
    return keptSecrets(item, same, [...path, String(index)]);
  });
}

const NOTHING: Before = { stored: undefined, shown: undefined };

/** Where each text is; undefined for what is there several times. */
function placesOf(texts: readonly string[]): ReadonlyMap<string, number | undefined> {
  const places = new Map<string, number | undefined>();
  for (const [index, text] of texts.entries()) places.set(text, places.has(text) ? undefined : index);
  return places;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function memberOf(value: unknown, name: string): unknown {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
