import type { GroupInfo, StreamInfo } from 'nestjs-hydra';

const WIDTH = 40;
const ENTRIES_A_CELL = 20;
const UP_AND_CLEAR = '\x1b[1A\x1b[2K';

/** How far behind each group is: drawn in place on a terminal, line by line anywhere else. */
export class Picture {
  private height = 0;

  draw({ length, groups }: StreamInfo): void {
    this.clear();
    const rows = groups.map((group) => row(group));
    const lines = [`stream ${String(length).padStart(6)} entries`, ...rows];
    for (const line of lines) console.log(line);
    this.height = process.stdout.isTTY ? lines.length : 0;
  }

  /** Says what happens; it stays above the picture. */
  note(text: string): void {
    this.clear();
    console.log(`\n— ${text}`);
  }

  private clear(): void {
    process.stdout.write(UP_AND_CLEAR.repeat(this.height));
    this.height = 0;
  }
}

/** Not delivered yet, and delivered but not handled yet. */
export function behind({ lag, pending }: GroupInfo): number {
  return (lag ?? 0) + pending;
}

function row(group: GroupInfo): string {
  const entries = behind(group);
  const bar = '█'.repeat(Math.min(WIDTH, Math.ceil(entries / ENTRIES_A_CELL)));
  return `  ${group.name.padEnd(8)} ${String(entries).padStart(5)} behind  ${bar}`;
}
