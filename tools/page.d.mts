/** The files of the page by their names. */
export function buildPage(): Promise<Record<string, string>>;
