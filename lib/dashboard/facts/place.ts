import type { ConfigStore } from '../../config/config-store.js';
import type { HydraInstance } from '../../hydra-instance.js';

/** What the dashboard reads by and acts through: the connections of an application, or those of the command line. */
export interface Place {
  readonly instance: Pick<
    HydraInstance,
    'redis' | 'keys' | 'clock' | 'options' | 'queues' | 'streams' | 'health' | 'id'
  >;
  readonly configs: ConfigStore;
  /** Whether the process is an instance of a service, and not the command line. */
  readonly isService: boolean;
}
