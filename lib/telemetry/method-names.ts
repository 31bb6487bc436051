import type { Attributes } from '@opentelemetry/api';

import { Attribute, OTHER, SYSTEM } from './semantic-names.js';

/** Patterns whose attributes are kept. A pattern that is made anew for each call must not fill the memory. */
const MAX_METHODS = 1_000;

/** A pattern of a service, as spans and metrics name it. */
export interface MethodName {
  /** `math/sum`; `_OTHER` in metrics beyond a bound. */
  readonly method: string;
  readonly attributes: Attributes;
}

/** What is said of each call of one method, made once. */
export class MethodNames {
  private readonly kept = new Map<string, Map<string, MethodName>>();
  private size = 0;

  /** Of spans: always by its name. */
  of(service: string, pattern: string): MethodName {
    return this.kept.get(service)?.get(pattern) ?? this.add(service, pattern);
  }

  /** Of metrics: `_OTHER` for patterns above the bound. */
  bounded(service: string, pattern: string): MethodName {
    const known = this.kept.get(service)?.get(pattern);
    if (known) return known;
    return this.add(service, this.size < MAX_METHODS ? pattern : OTHER);
  }

  private add(service: string, pattern: string): MethodName {
    const made = nameOf(service, pattern);
    if (this.size >= MAX_METHODS) return made;
    let ofService = this.kept.get(service);
    if (!ofService) this.kept.set(service, (ofService = new Map()));
    ofService.set(pattern, made);
    this.size++;
    return made;
  }
}

function nameOf(service: string, pattern: string): MethodName {
  const method = pattern === OTHER ? OTHER : `${service}/${pattern}`;
  const attributes = {
    [Attribute.rpcSystemName]: SYSTEM,
    [Attribute.rpcMethod]: method,
    [Attribute.serverAddress]: service,
  };
  return { method, attributes };
}
