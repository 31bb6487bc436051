import { Inject } from '@nestjs/common';

import type { ConfigType } from '../../protocol/standard-schema.js';

const tokens = new WeakMap<ConfigType, symbol>();

/** The token of the live configuration of a type. */
export function getConfigToken(type: ConfigType): symbol {
  const name = 'name' in type ? type.name : 'schema';
  const described = `configuration "${name}" of HydraModule.forFeature({ configs: [{ type: ${name} }] })`;
  const known = tokens.get(type) ?? Symbol(described);
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
