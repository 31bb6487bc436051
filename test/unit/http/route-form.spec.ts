import { hydraRoute } from '../../../lib/http/route-form.js';

describe("a route in Hydra's form", () => {
  it.each([
    ['GET', '/', '[get]/'],
    ['POST', '/v1/orders', '[post]/v1/orders'],
    ['GET', '/orders/:id/lines/:line', '[get]/orders/:id/lines/:line'],
    ['GET', '/files/*rest', '[get]/files/*rest'],
    ['GET', '/files/{*rest}', '[get]/files/*rest'],
    ['GET', '/files/*', '[get]/files/*splat'],
    ['GET', '/files/(.*)', '[get]/files/*splat'],
    ['GET', '/orders{/:id}', '[get]/orders(/:id)'],
    ['GET', '/orders/:id?', '[get]/orders(/:id)'],
    ['GET', '/a{/b{/:c}}', '[get]/a(/b(/:c))'],
    ['GET', String.raw`/orders/:id(\d+)`, '[get]/orders/:id'],
  ])('%s %s is %s', (verb, path, route) => {
    expect(hydraRoute(verb, path)).toBe(route);
  });
});
