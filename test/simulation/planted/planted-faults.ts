/** One fault that a patch in this folder plants in the library. */
export interface PlantedFault {
  /** The name of its patch. */
  readonly name: string;
  /** What a seed needs to have for it to show: roles and faults. */
  readonly shownBy: string;
  /** The rule that is broken by it. */
  readonly rule: string;
}

/** All that there are patches for: the rules of the simulation find each of them. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  { name: 'acknowledge-before-run', shownBy: 'consumer,kill', rule: 'no accepted entry is lost' },
  { name: 'counter-that-goes-back', shownBy: 'worker,redis goes back', rule: 'fences rise' },
  { name: 'double-subscribe', shownBy: 'listener,cut', rule: 'a job ends once' },
  {
    name: 'duplicate-that-counts-as-new',
    shownBy: 'producer',
    rule: 'an id is unique while its job exists',
  },
  {
    name: 'gap-that-completes',
    shownBy: 'caller,cut',
    rule: 'the values of an answer are whole, or the call fails',
  },
  {
    name: 'group-that-begins-again',
    shownBy: 'consumer',
    rule: 'an entry that was done does not begin again',
  },
  { name: 'id-freed-too-early', shownBy: 'producer', rule: 'an id is unique while its job exists' },
  { name: 'lease-by-the-wrong-clock', shownBy: 'worker,skew', rule: 'a job runs in one place at a time' },
  { name: 'listener-for-each-connection', shownBy: 'cut', rule: 'nothing is left after close' },
  {
    name: 'lost-wake-up',
    shownBy: 'producer',
    rule: 'a job begins at once while all is well and there is room',
  },
  {
    name: 'probe-that-overtakes',
    shownBy: 'caller',
    rule: 'a call that is not idempotent runs at most once',
  },
  {
    name: 'suspicion-that-never-ends',
    shownBy: 'caller,cut in part',
    rule: 'each instance gets calls while nothing is done to it',
  },
  { name: 'write-before-it-may-fail', shownBy: 'producer', rule: 'no accepted job is lost' },
];
