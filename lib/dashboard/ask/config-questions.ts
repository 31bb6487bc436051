import type { StoredVersion } from '../../config/config-store.js';
import type { ConfigChange } from '../../config/documents/config-history.js';
import { redact } from '../../config/documents/config-secrets.js';
import { differences, type ConfigDifference } from '../../config/documents/difference.js';
import { Refusal } from '../http/refusal.js';
import { parseObject } from '../../protocol/json.js';
import { markedDocument, textWithNumbers, withStoredNumbers } from '../shown/stored-text.js';
import type { Question } from './question.js';

/** Changes that are shown. */
const CHANGES = 100;

/** The configurations of a service, and how they came to be. */
export interface SeenConfigs {
  readonly versions: readonly StoredVersion[];
  readonly changes: readonly Omit<ConfigChange, 'config'>[];
}

/** One document, to be read and edited. */
export interface SeenDocument {
  readonly version: string;
  readonly revision: number;
  /** JSON, with secrets redacted. */
  readonly text: string;
  /** Whether what is written is checked against a schema first. */
  readonly isChecked: boolean;
}

/** One value that differs, before and after as JSON, with the digits that are stored. */
export interface SeenDifference extends Pick<ConfigDifference, 'path' | 'kind'> {
  readonly before?: string;
  readonly after?: string;
}

/** What is asked of configurations. */
export const CONFIG_QUESTIONS = {
  configs: ({ configs }, order) => {
    const store = configs.of(order.text('service'));
    return async (): Promise<SeenConfigs> => {
      const [versions, changes] = await Promise.all([store.versions(), store.history()]);
      return { versions, changes: changes.slice(0, CHANGES).map(({ config: _config, ...change }) => change) };
    };
  },

  document: ({ configs }, order) => {
    const [store, name] = [configs.of(order.text('service')), order.text('version')];
    return async (): Promise<SeenDocument> => {
      const [found, isSecret] = await Promise.all([store.documentText(name), store.secretTest()]);
      if (!found) throw new Refusal(404, 'there is no such version any more');
      const { version, revision, text } = found;
      if (parseObject(text) === undefined) throw new Refusal(422, 'what is stored is no JSON object');
      const shown = withStoredNumbers(text, (config) => redact(config, isSecret));
      return { version, revision, text: shown, isChecked: store.isChecked };
    };
  },

  difference: ({ configs }, order) => {
    const store = configs.of(order.text('service'));
    const [a, b] = [sideOf(order.text('a')), sideOf(order.text('b'))];
    return async (): Promise<readonly SeenDifference[]> => {
      const [before, after, isSecret] = await Promise.all([
        store.textOf(a),
        store.textOf(b),
        store.secretTest(),
      ]);
      return differences(markedDocument(before), markedDocument(after), isSecret).map(seen);
    };
  },
} satisfies Record<string, Question>;

function seen({ path, kind, before, after }: ConfigDifference): SeenDifference {
  return {
    path,
    kind,
    ...(before !== undefined && { before: textWithNumbers(before) }),
    ...(after !== undefined && { after: textWithNumbers(after) }),
  };
}

/** `@7` is a revision, anything else a version. */
function sideOf(text: string): string | number {
  const [, revision] = /^@(\d+)$/.exec(text) ?? [];
  return revision === undefined ? text : Number(revision);
}
