export function formatCount(count: number): string;
export function formatMs(ms: number): string;
export function formatShare(share: number): string;
export function tableLines(rows: string[][]): string[];
