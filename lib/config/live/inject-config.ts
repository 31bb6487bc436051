import { Inject } from '@nestjs/common';

import type { ConfigType } from '../../protocol/standard-schema.js';

const tokens = new WeakMap<ConfigType, symbol>();

/** The token of the live configuration of a type. */
export function getConfigToken(type: ConfigType): symbol {
  const known = tokens.get(type) ?? Symbol(`HYDRA_CONFIG:${'name' in type ? type.name : 'schema'}`);
  tokens.set(type, known);
  return known;
}

/**
 * Injects the configuration that `HydraModule.forFeature({ configs: [PricingConfig] })` registered:
 * `@InjectConfig(PricingConfig) pricing: Live<PricingConfig>`.
 *
 * @publicApi
 */
export const InjectConfig = (type: ConfigType): ParameterDecorator & PropertyDecorator =>
  Inject(getConfigToken(type));
