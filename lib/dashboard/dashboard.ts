/** `nestjs-hydra/dashboard`: a page for the people who run services. */
export { HydraDashboardModule, type HydraDashboardAsyncOptions } from './hydra-dashboard-module.js';
export type { DashboardRequest, HydraDashboardOptions } from './dashboard-options.js';
export type { DashboardAccess, DashboardAction } from './access/actions.js';
