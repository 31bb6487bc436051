import { coerce, compare, valid, type SemVer } from 'semver';

/** The version of a service that did not name one. */
const UNVERSIONED = '0.0.0';

/** How an instance chooses when no particular version is given. */
export interface VersionWish {
  /** The instance's own version; undefined for a reader of another service's configuration. */
  readonly own?: string | undefined;
  /** This version and no other. */
  readonly pinned?: string | undefined;
  /** The version to use when neither the own version nor a compatible one is stored. */
  readonly label?: string | undefined;
}

/**
 * Chooses one of the stored versions: the pinned one; otherwise the own version; otherwise the newest compatible one
 * (the same major version, below 1.0.0 the same minor version; for a service without a version, any); otherwise the
 * label. Pre-releases are used only when asked for by name.
 */
export function chooseVersion(
  stored: readonly string[],
  { own, pinned, label }: VersionWish,
): string | undefined {
  const has = (version: string | undefined) => (stored.includes(version ?? '') ? version : undefined);
  if (pinned !== undefined) return has(pinned);
  return has(own) ?? newestCompatible(stored, own) ?? has(label);
}

/** Whether a label is a semantic version, such as `1.2.0`. Instances that name no version use only these. */
export function isVersion(label: string): boolean {
  return valid(label) !== null;
}

/** The probable version for an incomplete one: 1.2.0 for `1.2`. */
export function versionMeantBy(label: string): string | undefined {
  return /^v?\d+(\.\d+)?$/.test(label) ? coerce(label)?.version : undefined;
}

/** In semver order, oldest first. Labels that are not versions come first, by name. */
export function sortVersions(versions: readonly string[]): string[] {
  return versions.toSorted((a, b) => {
    const [isA, isB] = [valid(a) !== null, valid(b) !== null];
    if (isA && isB) return compare(a, b) || byName(a, b);
    return isA === isB ? byName(a, b) : Number(isA) - Number(isB);
  });
}

function newestCompatible(stored: readonly string[], own: string | undefined): string | undefined {
  const line = own === undefined || own === UNVERSIONED ? undefined : lineOf(coerce(own));
  const released = stored.filter((version) => valid(version) !== null && !version.includes('-'));
  return sortVersions(released).findLast((version) => line === undefined || lineOf(coerce(version)) === line);
}

/** Versions of one line are compatible, by the rule of the caret. */
function lineOf(version: SemVer | null): string {
  if (version === null) return '';
  if (version.major > 0) return `${version.major}`;
  return version.minor > 0 ? `0.${version.minor}` : `0.0.${version.patch}`;
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
