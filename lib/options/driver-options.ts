import { badOption } from './checks.js';

/** Options of the driver that change the results of commands, each with its harmless value. */
const HARMFUL: Readonly<
  Record<string, { readonly isHarmless: (value: unknown) => boolean; readonly allowed: string }>
> = {
  // Scripts and commands answer with numbers, which are compared and added up.
  stringNumbers: { isHarmless: (value) => !value || value === 'false', allowed: 'left out' },
  replyMapping: { isHarmless: (value) => value === 'legacy', allowed: 'left out, or "legacy"' },
};

/**
 * Refuses options of the driver with which answers of Redis would be misunderstood.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function refuseHarmfulOptions(given: string | object): void {
  for (const options of optionsIn(given)) {
    for (const [name, { isHarmless, allowed }] of Object.entries(HARMFUL)) {
      const value = options[name];
      if (value !== undefined && !isHarmless(value)) throw badOption(`redis.${name}`, value, allowed);
    }
  }
}

/** The driver takes options from the query of a URL too. */
function optionsIn(given: string | object): readonly Record<string, unknown>[] {
  if (typeof given === 'string') return [Object.fromEntries(new URLSearchParams(given.split('?')[1] ?? ''))];
  if (!('cluster' in given)) return [given as Record<string, unknown>];
  const { options = {} } = given as { options?: { redisOptions?: object } };
  return [options, options.redisOptions ?? {}] as Record<string, unknown>[];
}
