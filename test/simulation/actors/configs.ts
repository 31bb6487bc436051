import { ConfigStore } from '../../../lib/config/config-store.js';
import { HydraError } from '../../../lib/hydra-error.js';
import type { Member, Role } from './member.js';

const VERSION = '1.0.0';

interface Document {
  readonly n: number;
  readonly parts: readonly number[];
}

/** Runs with the stored configuration, and says which. */
export const CONFIGURED: Role = {
  service: 'pricing',
  options: { version: VERSION },
  live: (member) => {
    const store = new ConfigStore(contextOf(member));
    member.atClose(() => store.running.close());
    store.running.watch().subscribe((config) => {
      const { n, parts } = config as Document;
      member.note('config runs', { n, parts, revision: store.running.status.revision });
    });
  },
};

/** Changes the stored configuration. */
export const CONFIGURING: Role = {
  service: 'operator',
  live: async (member) => {
    const store = new ConfigStore(contextOf(member)).of('pricing');
    let n = 0;
    while (member.makesWork) {
      await put(member, store, ++n);
      await member.sleep(member.draw(100, 4_000));
    }
  },
};

async function put(member: Member, store: ConfigStore, n: number): Promise<void> {
  try {
    const { revision } = await store.put(VERSION, { n, parts: Array.from({ length: 5 }, () => n) });
    member.note('config put', { n, revision });
  } catch (error) {
    member.note('config not put', { n, code: error instanceof HydraError ? error.code : String(error) });
  }
}

function contextOf({ instance }: Member): ConstructorParameters<typeof ConfigStore>[0] {
  return instance;
}
