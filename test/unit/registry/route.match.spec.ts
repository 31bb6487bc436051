import { matchRoutes } from '../../../lib/registry/route.match.js';
import { parseRoute } from '../../../lib/registry/route.pattern.js';
import { instancesOf } from './instances.js';

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
