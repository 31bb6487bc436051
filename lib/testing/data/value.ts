/** Roughly what is held, in bytes: enough to be full in the same situations as a real server, not at the same byte. */
export interface MemoryMeter {
  usedBytes: number;
}

export type TypeName = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

/** What one element costs beside its bytes. */
export const ELEMENT_BYTES = 48;

/** What a key holds. Whoever changes it says by how much it grows. */
export abstract class Value {
  abstract readonly type: TypeName;
  /** A key that holds an empty collection does not exist; a stream may be empty. */
  abstract readonly isEmpty: boolean;
  private meter: MemoryMeter | undefined;
  private heldBytes = 0;

  get bytes(): number {
    return this.heldBytes;
  }

  /** From here on it counts; with undefined not any more. */
  countIn(meter: MemoryMeter | undefined): void {
    if (this.meter) this.meter.usedBytes -= this.heldBytes;
    this.meter = meter;
    if (meter) meter.usedBytes += this.heldBytes;
  }

  protected grow(bytes: number): void {
    this.heldBytes += bytes;
    if (this.meter) this.meter.usedBytes += bytes;
  }

  abstract copy(): Value;
}
