/** What goes wrong in a world, when, and for how long; all times in milliseconds. */
export type Fault =
  | { readonly kind: 'kill' | 'stop'; readonly at: number; readonly who: string; readonly forMs: number }
  | {
      readonly kind: 'freeze' | 'hold' | 'deaf';
      readonly at: number;
      readonly who: string;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow';
      readonly at: number;
      readonly who: string;
      readonly forMs: number;
      readonly byMs: number;
    }
  | { readonly kind: 'skew'; readonly at: number; readonly who: string; readonly byMs: number }
  | { readonly kind: 'cut'; readonly at: number; readonly who: string }
  | {
      readonly kind: 'redis frozen' | 'redis restarts' | 'redis full';
      readonly at: number;
      readonly forMs: number;
    }
  | { readonly kind: 'redis goes back'; readonly at: number; readonly forMs: number; readonly backMs: number }
  | { readonly kind: 'redis emptied'; readonly at: number }
  | { readonly kind: 'replies lost'; readonly at: number; readonly command: string; readonly times: number };

/** Whether a fault is one of a process. */
export function isOfProcess(fault: Fault): fault is Extract<Fault, { readonly who: string }> {
  return 'who' in fault;
}
