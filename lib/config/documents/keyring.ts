import { createCipheriv, createDecipheriv } from 'node:crypto';

import { HydraError } from '../../hydra-error.js';
import { isJsonObject, parseObject, stringOf } from '../../protocol/json.js';
import type { RandomSource } from '../../runtime/random-source.js';

/** The place of a document. Its ciphertext is bound to it, and cannot be decrypted at another place. */
export type Place = readonly [service: string, version: string];

const MEMBER = '$encrypted';
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/**
 * Keys for documents at rest. The first key encrypts, and all keys decrypt. To rotate, put a new key in front, and
 * remove the old one when no document uses it. A sealed document is still a JSON object, and contains the name of its
 * key.
 */
export class Keyring {
  private constructor(
    private readonly keys: ReadonlyMap<string, Buffer>,
    private readonly random: RandomSource,
  ) {}

  /**
   * From `id:base64[,id:base64…]`, each key 32 bytes; the empty text gives a keyring without keys.
   *
   * @throws HydraError `BAD_OPTION`, never with the key in its message
   */
  static parse(text: string, random: RandomSource): Keyring {
    const keys = new Map<string, Buffer>();
    for (const part of text.split(',').filter((given) => given.trim() !== '')) {
      const [, id, encoded] = /^\s*([\w.-]+):([\w+/=-]+)\s*$/.exec(part) ?? [];
      const key = Buffer.from(encoded ?? '', 'base64');
      if (id === undefined || key.length !== KEY_BYTES || keys.has(id)) {
        const problem = `entry ${keys.size + 1} is malformed or repeats an id`;
        throw new HydraError('BAD_OPTION', `config.keys must be id:base64 of ${KEY_BYTES} bytes; ${problem}`);
      }
      keys.set(id, key);
    }
    return new Keyring(keys, random);
  }

  /** Seals with the first key; returns the text unchanged when there is no key. */
  seal(text: string, place: Place): string {
    const [first] = this.keys;
    if (first === undefined) return text;
    const [kid, key] = first;
    const nonce = this.random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce);
    cipher.setAAD(boundTo(place));
    const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return JSON.stringify({
      [MEMBER]: { alg: 'A256GCM', kid, nonce: nonce.toString('base64'), data: data.toString('base64') },
    });
  }

  /** Whether sealing it again would use another key, or a key for the first time. */
  isOutdated(stored: string): boolean {
    const [first] = this.keys.keys();
    return sealedPart(stored)?.kid !== first;
  }

  /**
   * The text that was sealed, or the text itself when it is not sealed.
   *
   * @throws HydraError `CONFIG_INVALID` when its key is not here, or it was altered or moved
   */
  open(stored: string, place: Place): string {
    const sealed = sealedPart(stored);
    if (!sealed) return stored;
    const key = this.keys.get(sealed.kid);
    if (!key) throw invalid(place, `is encrypted with key "${sealed.kid}", which is not here`);
    try {
      const decipher = createDecipheriv(ALGORITHM, key, sealed.nonce, { authTagLength: 16 });
      decipher.setAAD(boundTo(place));
      decipher.setAuthTag(sealed.data.subarray(-16));
      return decipher.update(sealed.data.subarray(0, -16), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw invalid(place, `does not open with key "${sealed.kid}": it was altered or moved`, cause);
    }
  }
}

function sealedPart(stored: string): { kid: string; nonce: Buffer; data: Buffer } | undefined {
  if (!stored.includes(MEMBER)) return undefined;
  const part = parseObject(stored)?.[MEMBER];
  if (!isJsonObject(part) || part['alg'] !== 'A256GCM') return undefined;
  return {
    kid: stringOf(part['kid']),
    nonce: Buffer.from(stringOf(part['nonce']), 'base64'),
    data: Buffer.from(stringOf(part['data']), 'base64'),
  };
}

function boundTo([service, version]: Place): Buffer {
  return Buffer.from(`${service}:${version}`);
}

function invalid([service, version]: Place, problem: string, cause?: unknown): HydraError {
  return new HydraError('CONFIG_INVALID', `${service}:${version} ${problem}`, { cause });
}
