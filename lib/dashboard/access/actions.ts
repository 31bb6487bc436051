import { badOption } from '../../hydra-options.js';

/** Everything that the page changes, by the name under which it is allowed and logged. */
export const DASHBOARD_ACTIONS = [
  ...(['queue.redrive', 'queue.remove', 'queue.promote', 'queue.cancel'] as const),
  ...(['queue.pause', 'queue.resume', 'queue.stop-repeating'] as const),
  ...(['stream.redrive', 'stream.remove', 'stream.replay'] as const),
  ...(['config.put', 'config.rollback'] as const),
] as const;

/** The name of one thing that the page changes. @publicApi */
export type DashboardAction = (typeof DASHBOARD_ACTIONS)[number];

/**
 * What somebody may do: `none`, not even see the page; `read`, see everything; `write`, do everything; or a list: see everything, and
 * do these things.
 *
 * @publicApi
 */
export type DashboardAccess = 'none' | 'read' | 'write' | readonly DashboardAction[];

/** The actions that are allowed; undefined where not even the page may be seen. */
export type Allowed = readonly DashboardAction[] | undefined;

/** @throws HydraError `BAD_OPTION` for anything but an access */
export function allowedBy(access: unknown): Allowed {
  if (access === 'none') return undefined;
  if (access === 'read') return [];
  if (access === 'write') return DASHBOARD_ACTIONS;
  if (Array.isArray(access) && access.every(isAction)) return access;
  const names = DASHBOARD_ACTIONS.join(', ');
  throw badOption(
    'what access() of the dashboard gives',
    access,
    `'none', 'read', 'write' or a list of ${names}`,
  );
}

export function isAction(name: unknown): name is DashboardAction {
  return (DASHBOARD_ACTIONS as readonly unknown[]).includes(name);
}
