/**
 * Programs that are added to a project one after the other, built with it, and run to their end. Each prints one line of
 * JSON.
 *
 * - `title` of the step, `file` in `files/`
 * - `install`: packages that the project has from here on
 * - `told`: throws unless the line says what it should
 */
import assert from 'node:assert';

const CLIENT = 2;
const SERVER = 1;

/** `nestjs-hydra/telemetry`: first without its peer, then with it. */
export const TELEMETRY = [
  {
    title: 'is told in one sentence that @opentelemetry/api is missing',
    file: 'untraced.main.ts',
    told: ({ refused }) =>
      assert.equal(
        refused,
        '[BAD_OPTION] HydraTelemetryModule needs the package @opentelemetry/api; install it: npm install @opentelemetry/api',
      ),
  },
  {
    title: 'traces a call with the packages of OpenTelemetry',
    file: 'traced.main.ts',
    install: ['@opentelemetry/api', '@opentelemetry/sdk-trace-node'],
    told: ({ spans }) => {
      const [client] = spans.filter(({ kind }) => kind === CLIENT);
      const [server] = spans.filter(({ kind }) => kind === SERVER);
      assert.deepEqual([client?.name, server?.name, spans.length], ['math/sum', 'math/sum', 2]);
      assert.equal(server.parent, client.id);
    },
  },
];
