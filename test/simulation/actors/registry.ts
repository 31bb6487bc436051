import type { Member, Role } from './member.js';

const LOOK_MS = 250;

/** Looks again and again who is there, as its process knows it. */
export const WATCHER: Role = {
  service: 'watcher',
  live: (member) => {
    member.instance.discovery.watch('*').subscribe();
    void look(member);
  },
};

async function look(member: Member): Promise<void> {
  let before = '';
  while (member.isThere) {
    const { discovery } = member.instance;
    const ids = discovery.services().flatMap((service) => discovery.instances(service).map(({ id }) => id));
    const text = ids.toSorted().join(' ');
    if (text !== before) member.note('sees', { ids: ids.toSorted() });
    before = text;
    await member.sleep(LOOK_MS);
  }
}
