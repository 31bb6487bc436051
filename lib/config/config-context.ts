import type { Context } from '../redis/context.js';
import type { Presence } from '../registry/presence/presence.js';

/** What configurations need of an instance. A reader without an instance has no id, no presence and no health. */
export type ConfigContext = Pick<Context, 'redis' | 'keys' | 'options' | 'clock' | 'random'> &
  Partial<Pick<Context, 'id' | 'health'>> & {
    /** Is told which revision is running. */
    readonly presence?: Pick<Presence, 'update'>;
  };
