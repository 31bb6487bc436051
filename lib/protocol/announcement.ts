import { serviceNameProblem } from './address.js';

/**
 * The announcement of a registry change: `<epoch> <kind> <payload>`, where the payload is the instance's record as
 * JSON, or its id when it leaves or is lost. The epoch counts the service's changes, so that a watcher notices a missed
 * one. Written by the registry's scripts, which is why it is not JSON as a whole.
 */
export interface Announcement {
  readonly epoch: number;
  /** `leave`: it announced that it leaves. `lost`: its presence expired without an announcement. */
  readonly kind: 'join' | 'change' | 'leave' | 'lost';
  readonly payload: string;
}

const FORM = /^(\d{1,16}) (join|change|leave|lost) (.+)$/s;

/** Never throws; undefined for anything else. */
export function decodeAnnouncement(wire: string): Announcement | undefined {
  const match = FORM.exec(wire);
  const epoch = Number(match?.[1]);
  // A number that a double does not hold can neither be compared nor counted on from.
  if (!match || !Number.isSafeInteger(epoch)) return undefined;
  return { epoch, kind: match[2] as Announcement['kind'], payload: match[3]! };
}

/** The announcement of a change of the directory: a name that was added or removed. */
export interface DirectoryAnnouncement {
  readonly kind: 'added' | 'removed';
  readonly service: string;
}

/** A name contains no space, so the word before one tells the two apart. */
const REMOVED = 'removed ';

export function encodeDirectory({ kind, service }: DirectoryAnnouncement): string {
  return kind === 'added' ? service : `${REMOVED}${service}`;
}

/** Never throws; undefined where the text names nothing that can be a service. */
export function decodeDirectory(wire: string): DirectoryAnnouncement | undefined {
  const isRemoved = wire.startsWith(REMOVED);
  const service = isRemoved ? wire.slice(REMOVED.length) : wire;
  if (serviceNameProblem(service) !== undefined) return undefined;
  return { kind: isRemoved ? 'removed' : 'added', service };
}
