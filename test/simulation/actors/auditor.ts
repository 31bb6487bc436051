import { JOBS } from './jobs.js';
import { STREAM } from './entries.js';
import type { Member, Role } from './member.js';

/** How long the others have to bring their work to its end. */
const LOOKS_AFTER_MS = 8_000;

/** Looks at the end what became of the work that no handler has ended. */
export const AUDITOR: Role = {
  service: 'auditor',
  live: async (member) => {
    await member.sleep(LOOKS_AFTER_MS);
    await auditJobs(member);
    await auditEntries(member);
  },
};

async function auditJobs(member: Member): Promise<void> {
  const { facts } = member.world.ledger;
  const done = new Set(
    facts.flatMap(({ kind, id, outcome }) => (kind === 'job ended' && outcome === 'done' ? [id] : [])),
  );
  const added = new Set(
    // One that was added before is there as well; of those that share an id another one may be meant.
    facts.flatMap(({ kind, id, isNew, isShared }) =>
      kind === 'job added' && (isNew || !isShared) ? [String(id)] : [],
    ),
  );
  for (const id of added) {
    if (done.has(id)) continue;
    const job = await member.instance.queues.get(id, { service: JOBS });
    member.note('job found', { id, state: job?.state, attempts: job?.attempts });
  }
}

async function auditEntries(member: Member): Promise<void> {
  if (!member.world.ledger.facts.some(({ kind }) => kind === 'entry published')) return;
  const letters = await member.instance.streams.deadLetters<{ n: string }>(STREAM, { group: 'reader' });
  for (const { data, reason } of letters) member.note('entry dead', { n: data?.n, reason });
}
