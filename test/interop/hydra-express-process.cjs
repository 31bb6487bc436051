/**
 * The real hydra-express package as a process of its own: `GET /v1/peer/hello/:name` and `POST /v1/peer/sum`, which
 * adds up the numbers of `{ "numbers": [...] }`. Driven like hydra-process.cjs, with the same commands.
 */
'use strict';

const hydraExpress = require('hydra-express');
const { commands, listen, serve, withDatabase } = require('./hydra-process.cjs');

const hydra = hydraExpress.getHydra();

function addRoutes() {
  const routes = hydraExpress.getExpress().Router();
  routes.get('/hello/:name', (request, response) => {
    hydraExpress.sendResponse(200, response, {
      result: { hello: request.params.name, query: request.query },
    });
  });
  routes.post('/sum', (request, response) => {
    const sum = request.body.numbers.reduce((total, number) => total + number, 0);
    hydraExpress.sendResponse(200, response, { result: { sum } });
  });
  hydraExpress.registerRoutes({ '/v1/peer': routes });
}

/** Takes more than 2 s: hydra-express waits that long after registering. */
async function init({ service, redisUrl, port = 0, version = '1.0.0', type = 'test', description }) {
  const config = {
    environment: 'test',
    hydra: {
      serviceName: service,
      serviceDescription: description ?? `the ${service} service`,
      serviceType: type,
      serviceIP: '127.0.0.1',
      servicePort: port,
      redis: { url: withDatabase(redisUrl) },
    },
  };
  const info = await hydraExpress.init(config, version, addRoutes);
  listen();
  return { ...info, instanceId: hydra.getInstanceID() };
}

serve({ ...commands, init, shutdown: () => hydraExpress.shutdown() });
