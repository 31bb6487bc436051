import type { Context } from '../redis/context.js';
import type { Presence } from '../registry/presence/presence.js';

/** What configurations need of an instance. A reader that is nobody's instance has no id, no presence and no health. */
export type ConfigContext = Pick<Context, 'redis' | 'keys' | 'options' | 'clock' | 'random'> &
  Partial<Pick<Context, 'id' | 'health'>> & {
    /** Told which revision is running. */
    readonly presence?: Pick<Presence, 'update'>;
  };
