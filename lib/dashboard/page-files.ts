/**
 * The files of the page, by their names. `npm run build` writes them here in dist/; as a module, they are found in either form
 * of the package, and by whoever packs an application into one file.
 */
export const PAGE_FILES: Readonly<Record<string, string>> = {};
