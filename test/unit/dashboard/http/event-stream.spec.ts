import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

import { EventStream } from '../../../../lib/dashboard/http/event-stream.js';
import { atEnd } from '../../../support/at-end.js';
import { eventually } from '../../../support/eventually.js';
import { ManualClock } from '../../../support/manual-clock.js';

const PART = JSON.stringify('x'.repeat(100_000));
const LIFE_MS = 300_000;

/** A stream whose reader has not begun to read. */
async function unread() {
  const clock = new ManualClock();
  const server = createServer();
  atEnd(() => server.closeAllConnections());
  atEnd(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reader: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  atEnd(() => reader.destroy());
  reader.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  return { clock, reader, response, stream: new EventStream(response, clock) };
}

describe('a stream of events that nobody reads', () => {
  it('keeps no more than the whole, however many parts there were', async () => {
    const { reader, response, stream } = await unread();
    for (let n = 0; n < 1_000; n++) {
      stream.send('logs', { json: PART, isPart: true, whole: `"whole ${n}"` });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(response.writableNeedDrain).toBe(true);
    let text = '';
    reader.on('data', (chunk) => (text += chunk.toString()));
    reader.resume();
    await eventually(() => text.includes('event: logs\ndata: "whole 999"'), {
      what: 'the whole',
    });
    expect(text.length).toBeLessThan(300 * PART.length);
  });

  it('leaves what it watches at its end, and ends the connection', async () => {
    const { clock, response, stream } = await unread();
    while (!response.writableNeedDrain) {
      stream.send('logs', { json: PART, isPart: true, whole: '1' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    let hasLeft = false;
    stream.onEnd(() => (hasLeft = true));
    await clock.advance(LIFE_MS);
    expect(hasLeft).toBe(true);
    await clock.advance(5_000);
    await eventually(() => response.destroyed, {
      what: 'the end of the connection',
    });
    await eventually(() => clock.timerCount === 0, { what: 'no timer' });
  });
});
