/** Keeps a fixed number of HTTP requests under way and says what came of each. */
import { Agent, get } from 'node:http';

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * @param {{ concurrency: number, nextUrl: () => { url: string, check: (body: any) => boolean },
 *   onAnswer: (answer: { latencyMs: number, body?: any, failure?: string, wrong?: boolean }) => void }} options
 */
export function startLoad({ concurrency, nextUrl, onAnswer }) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const stopping = new AbortController();
  let sent = 0;

  async function worker() {
    while (!stopping.signal.aborted) {
      const { url, check } = nextUrl();
      sent += 1;
      const startedAt = performance.now();
      const { body, failure } = await request(url, agent);
      const latencyMs = performance.now() - startedAt;
      onAnswer({ latencyMs, body, failure, wrong: failure === undefined && !check(body) });
    }
  }
  const workers = Array.from({ length: concurrency }, worker);

  return {
    sent: () => sent,
    /** Sends no more and resolves once all that was sent has come to an end. */
    async stop() {
      stopping.abort();
      await Promise.all(workers);
      agent.destroy();
    },
  };
}

function request(url, agent) {
  return new Promise((resolve) => {
    const fail = (error) => resolve({ failure: error.message });
    const call = get(url, { agent, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode !== 200) return fail(new Error(`HTTP ${response.statusCode}: ${text}`));
        try {
          resolve({ body: JSON.parse(text) });
        } catch (error) {
          fail(error);
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    call.on('error', fail);
  });
}
