export function watchProcess(pid: number): void;
export function forgetProcess(pid: number): void;
export function watchContainer(name: string): void;
export function watchFolder(path: string): void;
