/** A Redis on this machine that speaks TLS and wants a certificate of each client, for tests. */
import { readFile } from 'node:fs/promises';
import { createAuthority } from './certificates.mjs';
import { freePort } from './free-port.mjs';
import { startRedis } from './redis.mjs';

const read = (file) => readFile(file, 'utf8');

/** Resolves with `{ url, location, stop }`: the URL is that of its plain port, the location that of TLS. */
export async function startRedisTls({ log } = {}) {
  const authority = await createAuthority();
  const server = await authority.issue('redis', { names: [{ type: 'ip', value: '127.0.0.1' }] });
  const client = await authority.issue('client');
  const port = await freePort();
  const files = {
    '--tls-ca-cert-file': authority.ca,
    '--tls-cert-file': server.cert,
    '--tls-key-file': server.key,
  };
  const args = ['--tls-port', String(port), ...Object.entries(files).flat()];
  const redis = await startRedis({ args, ownOnly: true, log });
  const tls = { ca: await read(authority.ca), cert: await read(client.cert), key: await read(client.key) };
  const stop = async () => {
    await redis.stop();
    await authority.remove();
  };
  return { url: redis.url, location: { host: '127.0.0.1', port, tls }, stop };
}
