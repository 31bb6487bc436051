import type { Check } from '../finding.js';

const NEARLY = 0.9;
const FEW_FILES = 1_024;

/** The process that the doctor is in. */
export const PROCESS_CHECKS: readonly Check[] = [
  {
    id: 'process.node',
    category: 'process',
    severity: 'warning',
    needs: ['process'],
    why: 'this library is not tested there',
    fix: 'install Node 20.19, 22.12, 24 or newer',
    find: ({ process: { nodeVersion } }) =>
      isSupported(nodeVersion) ? undefined : `this is Node ${nodeVersion}`,
  },
  {
    id: 'process.memory',
    category: 'process',
    severity: 'warning',
    needs: ['process'],
    why: 'near its limit Node collects garbage all the time: heartbeats come late, then the process ends',
    fix: 'node --max-old-space-size=<MB>; look for what grows: hydra_process_memory_bytes',
    find: ({ process: { heapUsed, heapLimit } }) =>
      heapUsed > heapLimit * NEARLY
        ? `${Math.round((heapUsed / heapLimit) * 100)} % of the heap of this process are used`
        : undefined,
  },
  {
    id: 'process.files',
    category: 'process',
    severity: 'info',
    needs: ['process'],
    why: 'each connection is an open file, and none is made above the limit',
    fix: 'ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd',
    find: ({ process: { maxFiles } }) =>
      maxFiles !== undefined && maxFiles < FEW_FILES ? `this process may open ${maxFiles} files` : undefined,
  },
];

function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
}
