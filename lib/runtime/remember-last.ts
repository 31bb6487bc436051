/**
 * The same function, which remembers its last result: for what is asked for many times in a row with one argument. It must
 * depend on nothing else.
 */
export function rememberLast<Argument extends string | number, Result>(
  make: (argument: Argument) => Result,
): (argument: Argument) => Result {
  let last: { readonly argument: Argument; readonly result: Result } | undefined;
  return (argument) => {
    if (last === undefined || last.argument !== argument) last = { argument, result: make(argument) };
    return last.result;
  };
}
