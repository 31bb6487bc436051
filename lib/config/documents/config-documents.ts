import { HydraError } from '../../hydra-error.js';
import { isJsonObject, parseObject, type JsonObject } from '../../protocol/json.js';
import { mustBePlain, stringify, withinLimit } from '../../protocol/payload.js';
import type { ConfigContext } from '../config-context.js';
import { Keyring } from './keyring.js';

/**
 * A configuration as it is stored: not checked, references not resolved. Use it for editing.
 *
 * @publicApi
 */
export interface ConfigDocument<T = JsonObject> {
  /** The version it is stored as. */
  readonly version: string;
  /** The revision, for the `expect` of `put`. */
  readonly revision: number;
  /** The document, references unresolved. */
  readonly config: T;
}

/** Converts one service's documents to the texts that are stored, and back. */
export class ConfigDocuments {
  private readonly keyring: Keyring;

  /** @throws HydraError `BAD_OPTION` when the keys are not valid */
  constructor(
    private readonly context: Pick<ConfigContext, 'options' | 'random'>,
    private readonly service: string,
  ) {
    this.keyring = Keyring.parse(context.options.config.keys, context.random);
  }

  /** `math:1.2.0`, as Hydra writes it. */
  label(version: string): string {
    return `${this.service}:${version}`;
  }

  /**
   * The text to be stored, and the document as it will be read (dates, for example, become text).
   *
   * @throws HydraError `CONFIG_INVALID` unless it is a JSON object; `PAYLOAD_TOO_LARGE`
   */
  encode(config: unknown, version: string): { readonly text: string; readonly document: JsonObject } {
    const plain = isJsonObject(config) ? this.write(config, version) : undefined;
    const document = parseObject(plain);
    if (plain === undefined || document === undefined) throw this.invalid(version, 'is not a JSON object');
    const text = this.keyring.seal(plain, [this.service, version]);
    withinLimit(this.label(version), text, this.context.options.maxPayloadBytes);
    return { text, document };
  }

  /** @throws HydraError `CONFIG_INVALID` when it is not a JSON object, or does not open with the keys here */
  decode(text: string, version: string): JsonObject {
    const document = parseObject(this.open(text, version));
    if (document === undefined) throw this.invalid(version, 'is not a JSON object');
    return document;
  }

  /** The JSON, where it is a document. @throws HydraError `CONFIG_INVALID` where it cannot be decrypted */
  open(text: string, version: string): string {
    return this.keyring.open(text, [this.service, version]);
  }

  /** Whether storing it again would change its encryption. */
  isSealedOtherwise(text: string): boolean {
    return this.keyring.isOutdated(text);
  }

  private write(config: JsonObject, version: string): string {
    const where = 'the document';
    try {
      mustBePlain(config, where);
      return stringify(where, config);
    } catch (cause) {
      throw this.invalid(version, (cause as HydraError).message.replace(/^\[\w+\] the document /, ''), cause);
    }
  }

  private invalid(version: string, problem: string, cause?: unknown): HydraError {
    return new HydraError('CONFIG_INVALID', `${this.label(version)} ${problem}`, { cause });
  }
}
