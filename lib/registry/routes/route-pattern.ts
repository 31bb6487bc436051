import { matchSteps, type Captures, type Step } from './path-matcher.js';

/** One registered route, `[verb]/path` with `:name`, `*splat` and `(optional)` parts, as hydra-router understands it. */
export interface RoutePattern {
  /** As registered. */
  readonly route: string;
  /** In lower case; undefined for any method. */
  readonly verb: string | undefined;
  /**
   * The number of characters outside parameters: of two patterns that match, the one with more of them is more
   * specific.
   */
  readonly weight: number;
  /** The parameters of a path that matches, decoded; undefined when it does not. */
  match(path: string): Readonly<Record<string, string>> | undefined;
}

/** hydra-express writes `_all` for Express's `all()`. */
const ANY_VERB = ['', '_all', 'all'];
/** A longer route was hardly written by a person, and matching costs its length times the length of the path. */
const MAX_LENGTH = 500;
const TOKEN = /:(\w+)|\*(\w*)|[()]|[^:*()]+|[:*]/g;

/** Reads a route; undefined for one that cannot be matched. */
export function parseRoute(route: string): RoutePattern | undefined {
  if (route.length > MAX_LENGTH) return undefined;
  const [, verb = '', path = ''] = /^(?:\[([^\]]*)\])?(.*)$/s.exec(route) ?? [];
  const steps = parsePath(path);
  if (!steps) return undefined;
  return {
    route,
    verb: ANY_VERB.includes(verb.toLowerCase()) ? undefined : verb.toLowerCase(),
    weight: steps.reduce((sum, step) => sum + (step.kind === 'text' ? step.text.length : 0), 0),
    match: (given) => {
      const captures = matchSteps(steps, given);
      return captures && parameters(captures);
    },
  };
}

/** Whether a request with this method may use the route: HEAD is answered where GET is. */
export function allowsVerb({ verb }: RoutePattern, method: string): boolean {
  const wanted = method.toLowerCase();
  return verb === undefined || verb === wanted || (verb === 'get' && wanted === 'head');
}

/** Undefined when a bracket is not closed. */
function parsePath(path: string): Step[] | undefined {
  const steps: Step[] = [];
  const open: Extract<Step, { kind: 'group' }>[] = [];
  for (const [token, name, wildcard] of path.matchAll(TOKEN)) {
    if (name !== undefined) steps.push({ kind: 'parameter', name });
    else if (wildcard !== undefined) steps.push({ kind: 'wildcard', name: wildcard || 'splat' });
    else if (token === '(') {
      const group = { kind: 'group' as const, end: 0 };
      open.push(group);
      steps.push(group);
    } else if (token === ')') {
      const group = open.pop();
      if (!group) return undefined;
      steps.push({ kind: 'close', start: steps.indexOf(group) + 1 });
      group.end = steps.length;
    } else steps.push({ kind: 'text', text: token });
  }
  return open.length === 0 ? steps : undefined;
}

function parameters(captures: Captures): Record<string, string> {
  return Object.fromEntries(captures.map(([name, value]) => [name, decoded(value)]));
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
