/** One fault that a patch in this folder plants in the library. */
export interface PlantedFault {
  /** The name of its patch. */
  readonly name: string;
  /** What a seed needs to have for it to show: roles and faults. */
  readonly shownBy: string;
}

/** Those that the rules of the simulation were seen to find. The other patches in this folder are not shown yet. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  { name: 'acknowledge-before-run', shownBy: 'consumer,kill' },
  { name: 'counter-that-goes-back', shownBy: 'worker,redis goes back' },
  { name: 'double-subscribe', shownBy: 'caller,cut' },
  { name: 'gap-that-completes', shownBy: 'caller,cut' },
  { name: 'id-freed-too-early', shownBy: 'producer' },
  { name: 'lease-by-the-wrong-clock', shownBy: 'worker,skew' },
  { name: 'write-before-it-may-fail', shownBy: 'producer' },
];
