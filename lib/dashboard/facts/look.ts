import type { Asked } from '../../doctor/evidence/asked.js';
import { refusal } from '../../doctor/evidence/services-seen.js';
import { surveyAll, type Seen, type SurveyLimits } from '../../doctor/evidence/survey.js';
import type { Wanted } from '../../doctor/evidence/survey-targets.js';
import { TOO_MANY } from '../../doctor/evidence/survey-script.js';
import { decodeNode, type NodeRecord } from '../../protocol/records.js';
import { primariesOf } from '../../redis/primaries.js';
import { listed } from '../../runtime/listed.js';
import type { Place } from './place.js';

/** Other than a doctor, a page leaves out nobody: what takes many commands is looked at less often. */
const LIMITS: SurveyLimits = { scripts: 100, alone: 1_000 };

const REFUSED = 'not allowed to look';
const MANY = 'more instances than are read at once';
const NOT_LOOKED = 'not looked at';

/** What could not be read of something, and why, in a few words. What is read is not in it. */
export type Unread<Part extends string> = { readonly [Name in Part]?: string };

/** An instance that is listed, and what it has written. */
export interface ListedInstance {
  readonly node: NodeRecord;
  /** Its record as it is stored. */
  readonly record: string;
  /** What was asked for beside it; undefined where it is not there. */
  readonly text: string | undefined;
  /** It has not been heard of for so long that it cannot be alive. */
  readonly isGone: boolean;
}

/** A service, as one look sees it. */
export interface LookedAt {
  readonly name: string;
  readonly instances: readonly ListedInstance[];
  /** The stored revision of each version of its configuration. */
  readonly revisions: Readonly<Record<string, string>>;
  readonly unread: Unread<'registry' | 'texts' | 'configurations'>;
}

type Looking = Place['instance'];

/** The names of all services that are registered. @throws Error where they cannot be read */
export async function listedServices({ keys, redis }: Looking, asked: Asked): Promise<string[]> {
  const names = await asked.ask('look up services', () => redis.commands.smembers(keys.directory));
  return names.toSorted();
}

/**
 * Looks at services by a few commands, however many there are, as the doctor does.
 *
 * @param limits how many scripts at most; what they leave out is in `missed` @defaultValue so many that nobody is left out
 * @throws Error where nothing at all could be looked at
 */
export async function lookAt(
  instance: Looking,
  asked: Asked,
  wanted: Wanted,
  limits: SurveyLimits = LIMITS,
): Promise<Seen> {
  const primaries = primariesOf(instance.redis.commands);
  if (primaries.length === 0) throw new Error('the servers of the Cluster are not known yet');
  const seen = await surveyAll(instance, asked, primaries, wanted, limits);
  const { missed, services, queues, streams } = seen;
  const why = [...missed.service, ...missed.queue, ...missed.stream][0];
  if (why !== undefined && services.size + queues.length + streams.size === 0) throw new Error(why);
  return seen;
}

/** Each of these services as it was seen. */
export function servicesIn(names: readonly string[], { services }: Seen): readonly LookedAt[] {
  return names.map((name) => {
    const found = services.get(name);
    if (!found)
      return { name, instances: [], revisions: {}, unread: unreadOf([NOT_LOOKED, NOT_LOOKED, NOT_LOOKED]) };
    const [mayRegistry, mayTexts, mayConfigurations, overdue, records, texts, revisions] = found;
    const gone = new Set(overdue);
    const instances = records.flatMap((record, at) => {
      const node = decodeNode(record);
      return node ? [{ node, record, text: texts[at] || undefined, isGone: gone.has(node.id) }] : [];
    });
    const unread = unreadOf([mayRegistry, mayTexts, mayConfigurations].map(whyNot));
    return { name, instances, revisions: revisionsOf(revisions), unread };
  });
}

/** What could not be read of services that were looked at, and why, in words. */
export function unreadIn(
  looked: readonly LookedAt[],
  part: 'registry' | 'texts',
  what: string,
): readonly string[] {
  const names = (why: string) => looked.filter(({ unread }) => unread[part] === why).map(({ name }) => name);
  const many = names(MANY);
  return [
    ...refusal(what, names(REFUSED)),
    ...(many.length > 0 ? [`${MANY}: those of ${listed(many)}`] : []),
  ];
}

/** Why something was not read, by what the script says of it; undefined where it was. */
export function whyNot(may: 0 | 1 | 2): string | undefined {
  if (may === 1) return undefined;
  return may === TOO_MANY ? MANY : REFUSED;
}

function unreadOf([registry, texts, configurations]: readonly (string | undefined)[]): LookedAt['unread'] {
  return {
    ...(registry !== undefined && { registry }),
    ...(texts !== undefined && { texts }),
    ...(configurations !== undefined && { configurations }),
  };
}

/** `version, "<revision> <hash>", …` as an object. */
function revisionsOf(flat: readonly string[]): Record<string, string> {
  const pairs = Array.from({ length: flat.length / 2 }, (_, at) => {
    const [version, text] = flat.slice(2 * at, 2 * at + 2) as [string, string];
    return [version, text.split(' ')[0]!] as const;
  });
  return Object.fromEntries(pairs);
}
