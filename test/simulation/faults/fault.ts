/** What goes wrong in a world, when, and for how long; all times in milliseconds. */
export type Fault =
  | { readonly kind: 'kill' | 'stop'; readonly at: number; readonly who: string; readonly forMs: number }
  | {
      readonly kind: 'freeze' | 'hold' | 'deaf' | 'cut in part';
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
  | { readonly kind: 'cut'; readonly at: number; readonly who: string }
  | { readonly kind: 'skew'; readonly at: number; readonly who: string; readonly byMs: number }
  | {
      readonly kind: 'redis frozen' | 'redis restarts' | 'redis full';
      readonly at: number;
      readonly forMs: number;
    }
  | { readonly kind: 'redis goes back'; readonly at: number; readonly forMs: number; readonly backMs: number }
  | {
      /** A replica that is so much behind takes over: what it had not heard of is lost. */
      readonly kind: 'redis fails over';
      readonly at: number;
      readonly forMs: number;
      readonly behindMs: number;
    }
  | { readonly kind: 'redis emptied'; readonly at: number }
  | { readonly kind: 'replies lost'; readonly at: number; readonly command: string; readonly times: number };

/** Whether a fault is one of a process. */
export function isOfProcess(fault: Fault): fault is Extract<Fault, { readonly who: string }> {
  return 'who' in fault;
}
