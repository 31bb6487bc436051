/** What a page is given: the words of its address after its name, and what is asked there. */
export interface PageProps {
  readonly words: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}
