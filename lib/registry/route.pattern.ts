/** One registered route, `[verb]/path` with `:name`, `*splat` and `(optional)` parts, as hydra-router understands it. */
export interface RoutePattern {
  /** As registered. */
  readonly route: string;
  /** Lower case; undefined when any will do. */
  readonly verb: string | undefined;
  /** Characters that are not parameters: of two patterns that match, the one with more of them means it more. */
  readonly weight: number;
  /** The parameters of a path that matches, decoded; undefined when it does not. */
  match(path: string): Readonly<Record<string, string>> | undefined;
}

/** hydra-express writes `_all` for Express's `all()`. */
const ANY_VERB = ['', '_all', 'all'];
/** What is longer was hardly written by a person, and matching it could be slow. */
const MAX_LENGTH = 500;
const TOKEN = /:(\w+)|\*(\w*)|[()]|[^:*()]+|[:*]/g;

/** Reads a route; undefined for one that cannot be matched. */
export function parseRoute(route: string): RoutePattern | undefined {
  if (route.length > MAX_LENGTH) return undefined;
  const [, verb = '', path = ''] = /^(?:\[([^\]]*)\])?(.*)$/s.exec(route) ?? [];
  const names: string[] = [];
  let weight = 0;
  const source = path.replace(TOKEN, (token, name?: string, splat?: string) => {
    if (token === '(') return '(?:';
    if (token === ')') return ')?';
    if (name !== undefined || splat !== undefined) names.push(name ?? splat ?? '');
    if (name !== undefined) return '([^/]+)';
    if (splat !== undefined) return '(.*)';
    weight += token.length;
    return token.replace(/[.+^${}|[\]\\?]/g, String.raw`\$&`);
  });
  const expression = compile(`^${source}$`);
  if (!expression) return undefined;
  return {
    route,
    verb: ANY_VERB.includes(verb.toLowerCase()) ? undefined : verb.toLowerCase(),
    weight,
    match: (given) => {
      const found = expression.exec(given);
      return found ? parameters(names, found) : undefined;
    },
  };
}

/** Whether a request with this method may use the route: HEAD is answered where GET is. */
export function allowsVerb({ verb }: RoutePattern, method: string): boolean {
  const wanted = method.toLowerCase();
  return verb === undefined || verb === wanted || (verb === 'get' && wanted === 'head');
}

function compile(source: string): RegExp | undefined {
  try {
    return new RegExp(source, 's');
  } catch {
    return undefined;
  }
}

function parameters(names: readonly string[], [, ...values]: RegExpExecArray): Record<string, string> {
  const entries = names.map((name, index) => [name || 'splat', values[index]] as const);
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([name, value]) => [name, decoded(value)]),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
