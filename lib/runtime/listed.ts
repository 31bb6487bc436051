const MAX_NAMED = 5;

/** The first names, five at most, and how many more there are: for a log, and for messages. */
export function listed(names: readonly string[], most = MAX_NAMED): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return `${names.slice(0, most).join(', ')}${more}`;
}
