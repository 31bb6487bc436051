import { connect } from 'node:net';

/** Commands that Redis has carried out so far, this question left out. */
export async function countCommands(redisUrl: string): Promise<number> {
  const text = await ask(redisUrl, 'INFO commandstats');
  let total = 0;
  for (const [, name, calls] of text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
    if (name !== 'info') total += Number(calls);
  }
  return total;
}

/** User and system time that Redis has used so far, in milliseconds. */
export async function redisCpuMs(redisUrl: string): Promise<number> {
  const text = await ask(redisUrl, 'INFO cpu');
  const used = [...text.matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)];
  return used.reduce((total, [, seconds]) => total + Number(seconds) * 1_000, 0);
}

/** One inline command and its whole bulk reply, over a connection of its own: no driver, so no handshake to count. */
function ask(redisUrl: string, command: string): Promise<string> {
  const { hostname, port } = new URL(redisUrl);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port || 6379), hostname, () => socket.write(`${command}\r\n`));
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString();
      const length = Number(/^\$(\d+)\r\n/.exec(text)?.[1]);
      if (text.length < length) return;
      socket.destroy();
      resolve(text);
    });
  });
}
