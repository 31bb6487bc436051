/** Packages that examples of the pages name, and that are not installed here. */
declare module 'piscina' {
  export class Piscina {
    constructor(options: { readonly filename: string });
    run(data: unknown, options: { readonly signal: AbortSignal }): Promise<string>;
  }
}
