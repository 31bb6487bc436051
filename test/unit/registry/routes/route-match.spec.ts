import { LONGEST_PATH, matchRoutes } from '../../../../lib/registry/routes/route-match.js';
import { parseRoute } from '../../../../lib/registry/routes/route-pattern.js';
import { instancesOf } from '../discovery/instances.js';

const instances = instancesOf(1);

function viewOf(service: string, ...routes: string[]) {
  const patterns = routes.map(parseRoute).filter((pattern) => pattern !== undefined);
  return { service, instances, routes: { patterns } as never };
}

describe('a route', () => {
  it.each([
    ['[get]/v1/orders/:id', 'GET', '/v1/orders/7', { id: '7' }],
    ['[get]/v1/orders/:id', 'get', '/v1/orders/a%20b?x=1', { id: 'a b' }],
    ['[get]/v1/orders/:id', 'HEAD', '/v1/orders/7', { id: '7' }],
    ['[get]/v1/orders/:id', 'POST', '/v1/orders/7', undefined],
    ['[get]/v1/orders/:id', 'GET', '/v1/orders/7/lines', undefined],
    ['[get]/v1/orders/:id', 'GET', '/v1/orders', undefined],
    ['/any/verb', 'PATCH', '/any/verb', {}],
    ['[_all]/any/verb', 'DELETE', '/any/verb', {}],
    ['[get]/files/*rest', 'GET', '/files/a/b/c.txt', { rest: 'a/b/c.txt' }],
    ['[get]/files/*', 'GET', '/files/a', { splat: 'a' }],
    ['[get]/orders(/:id)', 'GET', '/orders', {}],
    ['[get]/orders(/:id)', 'GET', '/orders/7', { id: '7' }],
    ['[get]/a.b+c', 'GET', '/a.b+c', {}],
    ['[get]/a.b+c', 'GET', '/aXb+c', undefined],
    ['[get]/bad%', 'GET', '/bad%', {}],
    ['[get]/:x', 'GET', '/%E0%A4%A', { x: '%E0%A4%A' }],
    ['[get]/unclosed(', 'GET', '/unclosed(', undefined],
    [`[get]/${'x'.repeat(600)}`, 'GET', `/${'x'.repeat(600)}`, undefined],
  ])('%s asked with %s %s', (route, method, path, params) => {
    expect(matchRoutes([viewOf('shop', route)], method, path)?.params).toEqual(params);
  });

  it('that says more of the path goes before one that says less, wherever it stands', () => {
    const views = [
      viewOf('web', '[get]/*all'),
      viewOf('orders', '[get]/v1/orders/:id', '[get]/v1/orders/open'),
      viewOf('v1', '[get]/v1/*rest'),
    ];
    for (const order of [views, views.toReversed()]) {
      expect(matchRoutes(order, 'GET', '/v1/orders/open')).toMatchObject({ route: '[get]/v1/orders/open' });
      expect(matchRoutes(order, 'GET', '/v1/orders/7')).toMatchObject({
        service: 'orders',
        params: { id: '7' },
      });
      expect(matchRoutes(order, 'GET', '/v1/x')).toMatchObject({ service: 'v1' });
      expect(matchRoutes(order, 'GET', '/index.html')).toMatchObject({ service: 'web' });
      expect(matchRoutes(order, 'POST', '/index.html')).toBeUndefined();
    }
  });
});

/** What a route meant when it was made into a regular expression. */
function asExpression(path: string): ((given: string) => Record<string, string> | undefined) | undefined {
  const names: string[] = [];
  const source = path.replace(
    /:(\w+)|\*(\w*)|[()]|[^:*()]+|[:*]/g,
    (token, name?: string, splat?: string) => {
      if (token === '(') return '(?:';
      if (token === ')') return ')?';
      if (name !== undefined || splat !== undefined) names.push(name ?? (splat || 'splat'));
      if (name !== undefined) return '([^/]+)';
      if (splat !== undefined) return '(.*)';
      return token.replace(/[.+^${}|[\]\\?]/g, String.raw`\$&`);
    },
  );
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`, 's');
  } catch {
    return undefined;
  }
  return (given) => {
    const [whole, ...values] = expression.exec(given) ?? [];
    if (whole === undefined) return undefined;
    const entries = names.map((name, index) => [name, values[index]] as const);
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  };
}

/** Numbers below `below`, the same ones in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the matching of routes', () => {
  it('finds in 20,000 short paths what a regular expression finds', () => {
    const number = numbers(7);
    const textOf = (parts: readonly string[], most: number) =>
      Array.from({ length: number(most + 1) }, () => parts[number(parts.length)]).join('');
    let matched = 0;
    for (let round = 0; round < 20_000; round++) {
      const route = textOf([':x', ':y', '*', '*z', '(', ')', '(/', 'a', '-', '/', ':', 'ab'], 7);
      const path = textOf(['a', 'b', '-', '/', ':'], 8);
      const pattern = parseRoute(`[get]${route}`);
      const expected = asExpression(route);
      expect({ route, isRoute: pattern !== undefined }).toEqual({ route, isRoute: expected !== undefined });
      const params = pattern?.match(path);
      expect({ route, path, params }).toEqual({ route, path, params: expected?.(path) });
      if (params) matched++;
    }
    expect(matched).toBeGreaterThan(1_000);
  });

  it.each([
    ['three parameters', '[get]/flights/:from-:to-:date', `/flights/${'-'.repeat(2_000)}/`],
    ['parameters and separators', '[get]/flights/:from-:to-:date', `/flights/${'a-'.repeat(4_000)}/`],
    ['wildcards', '[get]/*a-*b-*c-*d-*e.', `/${'-'.repeat(8_000)}`],
    ['groups', '[get]/(*a)(*b)(*c)(*d)(*e)(*f)(*g).', `/${'x'.repeat(8_000)}`],
    ['groups in groups', `[get]/${'(:a'.repeat(100)}${')'.repeat(100)}.`, `/${'x'.repeat(8_000)}`],
    ['very many parameters', `[get]/${':a-'.repeat(150)}`, `/${'-'.repeat(8_000)}/`],
  ])('takes no time that grows faster than the path: %s', (_, route, path) => {
    const pattern = parseRoute(route)!;
    const startedAt = process.cpuUsage();
    expect(pattern.match(path)).toBeUndefined();
    const { user } = process.cpuUsage(startedAt);
    // Backtracking would take seconds at the least, and for most of these years.
    expect(user / 1_000).toBeLessThan(500);
  });

  it('ends with the length of a path', () => {
    const views = [viewOf('web', '[get]/*all')];
    const longest = `/${'x'.repeat(LONGEST_PATH - 1)}`;
    expect(matchRoutes(views, 'GET', `${longest}?${'y'.repeat(100)}`)).toMatchObject({ service: 'web' });
    expect(matchRoutes(views, 'GET', `${longest}x`)).toBeUndefined();
  });
});
