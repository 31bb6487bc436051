/** Writes what was done, and by whom. */
export type Audit = (text: string) => void;
