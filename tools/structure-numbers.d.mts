export interface Program {
  readonly sources: readonly unknown[];
}
export interface FoundConstructor {
  /** `folder/file.ts: Class` */
  readonly name: string;
  readonly parameters: number;
  readonly functions: number;
}
export interface FoundField {
  /** `folder/file.ts: Class.field` */
  readonly name: string;
  readonly writers: readonly string[];
}
export function readProgram(files: Readonly<Record<string, string>>): Program;
export function constructorsOf(program: Program): FoundConstructor[];
export function mutableFieldsOf(program: Program): FoundField[];
export function spreadOf(values: readonly number[]): [median: number, p90: number, max: number];
