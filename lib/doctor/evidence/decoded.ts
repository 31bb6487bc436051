import type { Keys } from '../../protocol/keys.js';
import { decodeHealth, decodeNode } from '../../protocol/records.js';
import { compareIds, timeOfId } from '../../protocol/stream-id.js';
import { groupKeys } from '../../streams/group/group-keys.js';
import type { SeenConfigurations, SeenGroup, SeenHealth, SeenInstance, SeenQueue } from './facts.js';
import type { Seen } from './survey.js';
import type { SurveyedGroup, SurveyedService, SurveyedStream } from './survey-script.js';

type Of<Found> = readonly [service: string, found: Found];

export function instancesOf([, [, , , , records]]: Of<SurveyedService>): readonly SeenInstance[] {
  return records.flatMap((text) => {
    const node = decodeNode(text);
    if (node === undefined) return [];
    const { service, id, version, capabilities } = node;
    const acceptsCalls = capabilities?.acceptsCalls === true && capabilities.draining !== true;
    const isOurs = capabilities !== undefined;
    return [
      { service, id, version, isOurs, acceptsCalls, config: capabilities?.config, listeners: undefined },
    ];
  });
}

export function healthOf([service, [, , , , , health]]: Of<SurveyedService>): readonly SeenHealth[] {
  return health.flatMap((text) => {
    const { problems = [], warnings = [] } = decodeHealth(text)?.vitals ?? {};
    return problems.length + warnings.length > 0 ? [{ service, problems, warnings }] : [];
  });
}

export function configurationsOf([service, [, , , , , , flat]]: Of<SurveyedService>): SeenConfigurations {
  const versions = Array.from({ length: flat.length / 2 }, (_, index) => {
    const [version = '', text = ''] = flat.slice(2 * index);
    return [version, text.split(' ')[0]!] as const;
  });
  return { service, revisions: Object.fromEntries(versions) };
}

export function queueOf([service, queue, found]: Seen['queues'][number], now: number): SeenQueue {
  const [, waiting, deadLetters, inProgress, workers, paused, oldest, flat] = found;
  const unhandled = Array.from(
    { length: flat.length / 2 },
    (_, index) => [String(flat[2 * index]), Number(flat[2 * index + 1])] as const,
  );
  return {
    ...{ service, queue, waiting, deadLetters, inProgress, workers },
    isPaused: paused === 1,
    oldestMs: oldest === '' ? undefined : now - Date.parse(oldest),
    unhandled: Object.fromEntries(unhandled),
  };
}

export function groupsOf(
  keys: Keys,
  [stream, [, length, first, groups]]: Of<SurveyedStream>,
  now: number,
): readonly SeenGroup[] {
  return groups.map(([group, delivered, told, unread, pending, ...rest]: SurveyedGroup) => {
    const [heldByGone, readers, idle, lost, deadLetters] = rest;
    return {
      ...{ stream, group, pending, heldByGone, readers, deadLetters },
      ...{ lost, lostKey: groupKeys(keys, { stream, group }).lost },
      lag: unread === '' ? 0 : lagOf({ length, first, delivered, told }),
      unreadMs: unread === '' ? undefined : now - timeOfId(unread),
      foreignIdleMs: idle < 0 ? undefined : idle,
    };
  });
}

/** Redis's own number still counts trimmed entries; -1 where it has none. */
function lagOf(group: {
  readonly length: number;
  readonly first: string;
  readonly delivered: string;
  readonly told: number;
}): number | undefined {
  const { length, first, delivered, told } = group;
  if (compareIds(delivered, first) < 0) return length;
  return told < 0 ? undefined : Math.min(told, length);
}
