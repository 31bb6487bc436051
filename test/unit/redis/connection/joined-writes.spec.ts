import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

import { joinWrites } from '../../../../lib/redis/connection/joined-writes.js';
import { atEnd } from '../../../support/at-end.js';

/** Both ends of a connection; how often the near one sent, and in how many parts. */
async function open(): Promise<{ near: Socket; far: Socket; sent: number[] }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  atEnd(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  const sent: number[] = [];
  const sendMany = near._writev!.bind(near);
  near._writev = (chunks, done) => {
    sent.push(chunks.length);
    sendMany(chunks, done);
  };
  return { near: joinWrites(near), far, sent };
}

describe('a socket whose writes are joined', () => {
  it('sends what is written in one turn at once, and in its order', async () => {
    const { near, far, sent } = await open();
    near.write('a');
    near.write(Buffer.from('b'));
    await Promise.resolve();
    near.write('c');
    near.end();
    expect(await text(far)).toBe('abc');
    expect(sent).toEqual([3]);
  });

  it('joins no turns with one another', async () => {
    const { near, far, sent } = await open();
    for (const part of ['a', 'b', 'c']) {
      near.write(part);
      near.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    near.end();
    expect(await text(far)).toBe('aabbcc');
    expect(sent).toEqual([2, 2, 2]);
  });

  it('calls back for each write', async () => {
    const { near, far } = await open();
    far.resume();
    const written = ['a', 'b'].map((part) => new Promise((resolve) => near.write(part, resolve)));
    expect(await Promise.all(written)).toHaveLength(2);
  });
});
