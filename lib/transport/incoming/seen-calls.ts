/** Ids behind the highest one that are remembered: 16 kB a caller, and more than a second of its calls at any rate. */
const WINDOW = 131_072;

/**
 * The ids of the latest calls of one caller, one bit each. Ids rise, and few arrive late. An id that is further below
 * the highest one than the window is forgotten.
 */
export class SeenCalls {
  private readonly bits = new Uint32Array(WINDOW / 32);
  private highest = 0;

  /** @param doubtfulUpTo calls up to this id may have arrived before this record began */
  constructor(private readonly doubtfulUpTo = 0) {}

  /** The highest id that may have arrived. */
  get last(): number {
    return Math.max(this.highest, this.doubtfulUpTo);
  }

  /** False when the id was seen before. */
  add(id: number): boolean {
    if (id > this.highest) this.advance(id);
    else if (this.isForgotten(id)) return true;
    else if (this.has(id)) return false;
    this.bits[wordOf(id)]! |= bitOf(id);
    return true;
  }

  /** The call was refused: it may come again. */
  delete(id: number): void {
    if (id <= this.highest && !this.isForgotten(id)) this.bits[wordOf(id)]! &= ~bitOf(id);
  }

  /** Whether nothing is known about this call any more: it may have arrived, and it may still arrive. */
  isDoubtful(id: number): boolean {
    return id <= this.doubtfulUpTo || this.isForgotten(id);
  }

  /** Whether the call certainly never arrived. A forgotten id may have arrived. */
  isUnknown(id: number): boolean {
    if (id <= this.doubtfulUpTo) return false;
    return id > this.highest || (!this.isForgotten(id) && !this.has(id));
  }

  private has(id: number): boolean {
    return (this.bits[wordOf(id)]! & bitOf(id)) !== 0;
  }

  private isForgotten(id: number): boolean {
    return id <= this.highest - WINDOW;
  }

  /** The bits of the ids that are passed over still say what came a window ago. */
  private advance(id: number): void {
    if (id - this.highest >= WINDOW) this.bits.fill(0);
    else for (let next = this.highest + 1; next <= id; next++) this.bits[wordOf(next)]! &= ~bitOf(next);
    this.highest = id;
  }
}

function wordOf(id: number): number {
  return Math.floor(id / 32) % (WINDOW / 32);
}

function bitOf(id: number): number {
  return 1 << (id % 32);
}
