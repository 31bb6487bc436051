import type { WritePacket } from '@nestjs/microservices';

import type { PacketSerializer } from '../../hydra-options.js';
import { hasOwn } from '../wire/codec.js';
import type { Replies, ReplyListener } from './replies.js';

/** How many values may wait for the serializer. Their size is not known before. */
const MAX_PENDING = 1_024;

/**
 * Passes replies through the serializer, in their order, on their way to the caller. A value that waits for the
 * serializer counts as sent, so the handler does not run ahead of the serializer.
 */
export class CodecReplies implements Replies {
  private last: Promise<void> = Promise.resolve();
  private pending = 0;
  private failure: { readonly error: unknown } | undefined;
  private listener: ReplyListener | undefined;

  constructor(
    private readonly replies: Replies,
    private readonly serializer: PacketSerializer,
    private readonly id: number | string,
  ) {}

  get hasRoom(): boolean {
    return this.pending < MAX_PENDING && this.replies.hasRoom;
  }

  get settledValues(): number | undefined {
    return this.replies.settledValues;
  }

  grant(total: number): void {
    this.replies.grant(total);
  }

  remind(): void {
    this.replies.remind?.();
  }

  abandon(): void {
    this.replies.abandon?.();
  }

  breakOff(error: unknown): void {
    this.replies.breakOff(error);
  }

  watch(listener: ReplyListener): void {
    this.listener = listener;
  }

  value(response: unknown): void {
    this.pending++;
    const send = async () => {
      try {
        this.replies.value(await this.encoded({ response }));
      } catch (error) {
        this.failure ??= { error };
        throw error;
      }
    };
    this.after(send).then(
      () => {
        this.pending--;
        this.listener?.room();
      },
      (error: unknown) => this.listener?.failed(error),
    );
  }

  complete(hasValue: boolean, response?: unknown): Promise<void> {
    return this.after(async () => {
      if (hasValue) return this.replies.complete(true, await this.encoded({ response, isDisposed: true }));
      if (this.failure) throw this.failure.error;
      return this.replies.complete(false);
    });
  }

  error(error: unknown): Promise<void> {
    return this.after(() => this.replies.error(error));
  }

  refuse(error: unknown): void {
    this.replies.refuse(error);
  }

  private async encoded(packet: WritePacket): Promise<unknown> {
    // An answer with a gap must not continue.
    if (this.failure) throw this.failure.error;
    const encoded = await this.serializer.serialize({ id: this.id, ...packet });
    return hasOwn(encoded, 'response') ? encoded['response'] : encoded;
  }

  private after(act: () => void | Promise<void>): Promise<void> {
    const acted = this.last.then(act);
    this.last = acted.catch(() => undefined);
    return acted;
  }
}
