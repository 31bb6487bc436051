import type { StoredVersion } from '../../config/config-store.js';
import type { ConfigChange } from '../../config/documents/config-history.js';
import { redact } from '../../config/documents/config-secrets.js';
import type { ConfigDifference } from '../../config/documents/difference.js';
import { Refusal } from '../http/refusal.js';
import { parseObject } from '../../protocol/json.js';
import { withStoredNumbers } from '../shown/stored-text.js';
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
      return { version, revision, text: withStoredNumbers(text, (config) => redact(config, isSecret)) };
    };
  },

  difference: ({ configs }, order) => {
    const store = configs.of(order.text('service'));
    const [a, b] = [sideOf(order.text('a')), sideOf(order.text('b'))];
    return (): Promise<ConfigDifference[]> => store.diff(a, b);
  },
} satisfies Record<string, Question>;

/** `@7` is a revision, anything else a version. */
function sideOf(text: string): string | number {
  const [, revision] = /^@(\d+)$/.exec(text) ?? [];
  return revision === undefined ? text : Number(revision);
}
