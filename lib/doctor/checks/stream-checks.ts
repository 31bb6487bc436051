import type { FoundFault } from '../../redis/faults/fault.js';
import type { SeenGroup } from '../evidence/facts.js';
import type { Check } from '../finding.js';
import { listed } from '../../runtime/listed.js';
import { ageText, sumOf } from './names.js';

const OLD_ENTRY_MS = 300_000;
/** A program that is not of this library, and has not read for so long, is gone. */
const FOREIGN_GONE_MS = 3_600_000;
const LONG_STREAM = 1_000_000;

/** The streams, and the groups that read them. */
export const STREAM_CHECKS: readonly Check[] = [
  {
    id: 'streams.unread',
    category: 'streams',
    severity: 'error',
    needs: ['groups'],
    why: 'entries wait for this group, and nobody reads it: what is trimmed meanwhile it never gets',
    fix: 'start an instance with a @StreamPattern of this group; a group that nobody needs: npx nestjs-hydra stream remove-group <stream> <group>',
    find: ({ groups }) => {
      const unread = groups.filter((one) => !isRead(one) && waits(one));
      const count = sumOf(unread, ({ lag = 0, pending }) => lag + pending);
      const atLeast = unread.some(({ lag }) => lag === undefined) ? 'at least ' : '';
      return of(unread, (names) => `${atLeast}${count} entries wait for groups that nobody reads: ${names}`);
    },
  },
  {
    id: 'streams.lag',
    category: 'streams',
    severity: 'warning',
    needs: ['groups'],
    why: 'entries come faster than the group handles them: its view of the world is so old',
    fix: 'npx nestjs-hydra stream info <stream>; start more instances, or raise concurrency',
    find: ({ groups }) => {
      const late = groups
        .filter((one) => isRead(one) && (one.unreadMs ?? 0) > OLD_ENTRY_MS)
        .toSorted((a, b) => b.unreadMs! - a.unreadMs!);
      return of(late, (names) => `entries are unread for up to ${ageText(late[0]!.unreadMs!)}: ${names}`);
    },
  },
  {
    id: 'streams.held',
    category: 'streams',
    severity: 'warning',
    needs: ['groups'],
    why: 'instances that are gone have these entries, and those that read the group do not claim them',
    fix: 'npx nestjs-hydra stream info <stream>; npx nestjs-hydra health shows why they are not claimed; restart the instances',
    find: ({ groups }) => {
      const held = groups.filter((one) => isRead(one) && one.heldByGone > 0);
      const count = sumOf(held, ({ heldByGone }) => heldByGone);
      return of(held, (names) => `${count} entries are with instances that are gone: ${names}`);
    },
  },
  {
    id: 'streams.trimmed',
    category: 'streams',
    severity: 'warning',
    needs: ['groups'],
    why: 'these entries were removed from the stream before the group had read them: it never gets them',
    fix: 'publish with a larger maxLen, or start more instances; DEL <lost> begins the count again',
    find: ({ groups }) => {
      const some = groups.filter(({ lost }) => lost > 0);
      const count = sumOf(some, ({ lost }) => lost);
      return of(some, (names) => `${count} entries were trimmed away unread: ${names}`);
    },
  },
  {
    id: 'streams.dead-letters',
    category: 'streams',
    severity: 'warning',
    needs: ['groups'],
    why: 'these entries were given up, and wait for a person',
    fix: 'npx nestjs-hydra stream dead <stream> <group>; then npx nestjs-hydra stream redrive <stream> <group> --all, or stream remove',
    find: ({ groups }) => {
      const some = groups.filter(({ deadLetters }) => deadLetters > 0);
      const count = sumOf(some, ({ deadLetters }) => deadLetters);
      return of(some, (names) => `${count} dead letters: ${names}`);
    },
  },
  {
    id: 'streams.long',
    category: 'streams',
    severity: 'info',
    needs: ['streams'],
    why: 'a stream keeps all that is published until somebody trims it, and it is all in memory',
    fix: 'publish with maxLen, or call StreamService.trim',
    find: ({ streams }) => {
      const long = streams.filter(({ length }) => length > LONG_STREAM);
      if (long.length === 0) return undefined;
      const names = long.map(({ stream, length }) => `${stream} (${length.toLocaleString('en')})`);
      const what = `more than ${LONG_STREAM.toLocaleString('en')} entries: ${listed(names)}`;
      return { what, about: long.map(({ stream }) => ({ stream })) };
    },
  },
];

/** By an instance, or lately by another program. */
function isRead({ readers, foreignIdleMs }: SeenGroup): boolean {
  return readers > 0 || (foreignIdleMs !== undefined && foreignIdleMs < FOREIGN_GONE_MS);
}

/** Where Redis does not know how many are unread, it is known that one is. */
function waits({ lag, unreadMs, pending }: SeenGroup): boolean {
  return (lag ?? 0) > 0 || unreadMs !== undefined || pending > 0;
}

/** What is said of these groups, where there are any. The first of them stands in what mends it. */
function of(groups: readonly SeenGroup[], say: (names: string) => string): FoundFault | undefined {
  const [first] = groups;
  if (first === undefined) return undefined;
  const { stream, group, lostKey } = first;
  const names = groups.map((one) => `${one.stream} (${one.group})`);
  const about = groups.map((one) => ({ stream: one.stream, group: one.group }));
  return { what: say(listed(names)), names: { stream, group, lost: lostKey }, about };
}
