import { posix } from 'node:path';
import ts from 'typescript';

/** Path under lib/ (`redis/connections.ts`) to source text. */
export type SourceFiles = Readonly<Record<string, string>>;

const FOLDER_FLOORS: Readonly<Record<string, number>> = {
  protocol: 0,
  options: 0,
  runtime: 1,
  diagnostics: 1,
  metrics: 1,
  redis: 2,
  registry: 3,
  delivery: 3,
  access: 3,
  transport: 4,
  queue: 4,
  streams: 4,
  config: 4,
  logging: 4,
  http: 4,
  ops: 5,
  doctor: 5,
  testing: 6,
  telemetry: 6,
  dashboard: 6,
  cli: 7,
};
const GROUND_FILES = ['hydra-error.ts', 'hydra-options.ts'];
/** The options describe what protocol/ carries; it knows nothing of them. */
const isOption = (file: string) => file === 'hydra-options.ts' || folderOf(file) === 'options';
const TOP = 5;

const ABOVE_REGISTRY = [
  'registry',
  'delivery',
  'transport',
  'queue',
  'streams',
  'config',
  'logging',
  'http',
  'testing',
  'cli',
  '',
];

/** A package on this list may be imported from these places only: folders ('' is lib/ itself) or single files. */
const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  // The options say in ioredis' own types where Redis is; no code of it comes with that.
  ioredis: ['redis', 'hydra-options.ts'],
  rxjs: ABOVE_REGISTRY,
  '@nestjs/microservices': ABOVE_REGISTRY.filter((place) => place !== 'registry'),
  // The hash of a script, random ids, and the encryption of configurations, and the versions in
  // the names of the page's files.
  'node:crypto': ['runtime', 'redis', 'registry', 'config', 'testing', 'dashboard'],
  croner: ['queue'],
  semver: ['registry', 'config'],
  yaml: ['cli'],
  commander: ['cli'],
  '@opentelemetry/api': ['telemetry'],
};

const VAGUE_FOLDERS = ['utils', 'common', 'interfaces', 'constants', 'enums', 'helpers'];

/** Every breach of the architecture's walls, as sentences naming the file, the import and the rule. */
export function floorBreaches(files: SourceFiles): string[] {
  const breaches: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, source] of Object.entries(files)) {
    breaches.push(...placeBreaches(file));
    if (/^\s*export\s*\*/m.test(source)) breaches.push(`${file}: export * — name every export`);
    const neighbours: string[] = [];
    for (const specifier of importsOf(source)) {
      const breach = specifier.startsWith('.')
        ? relativeBreach(file, specifier, files, neighbours)
        : packageBreach(file, specifier);
      if (breach) breaches.push(`${file} imports '${specifier}': ${breach}`);
    }
    graph.set(file, neighbours);
  }
  const cycle = findCycle(graph);
  if (cycle) breaches.push(`import cycle: ${cycle.join(' → ')}`);
  return breaches;
}

/** Static, type-only, re-exporting and dynamic imports alike. */
function importsOf(source: string): string[] {
  return ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName);
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

function floorOf(file: string): number | undefined {
  const folder = folderOf(file);
  if (folder) return FOLDER_FLOORS[folder];
  return GROUND_FILES.includes(file) ? 0 : TOP;
}

function placeBreaches(file: string): string[] {
  const folders = file.split('/').slice(0, -1);
  const vague = folders.filter((folder) => VAGUE_FOLDERS.includes(folder));
  const breaches = vague.map((folder) => `${file}: no folder named ${folder}; put things where they belong`);
  if (posix.basename(file) === 'index.ts' && file !== 'index.ts') {
    breaches.push(`${file}: lib/index.ts is the only barrel`);
  }
  if (floorOf(file) === undefined) breaches.push(`${file}: folder ${folderOf(file)} is on no floor`);
  return breaches;
}

function relativeBreach(file: string, specifier: string, files: SourceFiles, neighbours: string[]) {
  if (!specifier.endsWith('.js')) return 'relative imports end in .js';
  const target = posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');
  if (target === 'index.ts') return 'import the file, not the barrel';
  if (target.startsWith('..')) return 'leaves lib/';
  if (!(target in files)) return 'no such file';
  neighbours.push(target);
  return isReachable(file, target) ? undefined : wallBetween(file, target);
}

function isReachable(file: string, target: string): boolean {
  const [from, to] = [floorOf(file) ?? -1, floorOf(target) ?? TOP];
  if (to < from) return true;
  const sameFolder = folderOf(file) !== '' && folderOf(file) === folderOf(target);
  const onTopFloor = from === TOP && to === TOP;
  // The error is below all.
  const toGroundFile = from === 0 && to === 0 && (isOption(file) || target === 'hydra-error.ts');
  return sameFolder || onTopFloor || toGroundFile;
}

function wallBetween(file: string, target: string): string {
  return `floor ${floorOf(file)} may import its own folder and lower floors only, and ${target} is on floor ${floorOf(target)}`;
}

function packageBreach(file: string, specifier: string): string | undefined {
  const name = packageName(specifier);
  const owners = PACKAGE_OWNERS[name];
  const isOwner = owners?.some((owner) => owner === file || owner === folderOf(file)) ?? true;
  if (floorOf(file) === 0 && !(owners && owners.includes(file))) return 'floor 0 imports no package';
  return isOwner ? undefined : `${name} belongs to ${owners?.map((owner) => owner || 'lib/').join(', ')}`;
}

function packageName(specifier: string): string {
  if (specifier === 'crypto') return 'node:crypto';
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Depth first; a file met again while it is still on the path closes a cycle. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}
