/** The pieces of a path as Nest 11 and 12 take it: groups, named and nameless wildcards, parameters with what may follow. */
const PIECE = /\{\*(\w*)\}|\*(\w*)|\(\.\*\)|\/:(\w+)(?:\([^)]*\))?\?|:(\w+)(?:\([^)]*\))?|[{}]/g;

/**
 * A route as Hydra 1.9 and hydra-router write it: `[get]/files/:id/*rest`, with `(…)` around what may be missing.
 *
 * Nest's `{*rest}` and `*rest` both become `*rest`, which in Hydra also matches nothing.
 */
export function hydraRoute(verb: string, path: string): string {
  return `[${verb.toLowerCase()}]${hydraPath(path)}`;
}

function hydraPath(path: string): string {
  return path.replace(
    PIECE,
    (piece, wrapped?: string, bare?: string, optional?: string, parameter?: string) => {
      if (piece === '{') return '(';
      if (piece === '}') return ')';
      if (optional !== undefined) return `(/:${optional})`;
      if (parameter !== undefined) return `:${parameter}`;
      return `*${(wrapped ?? bare) || 'splat'}`;
    },
  );
}
