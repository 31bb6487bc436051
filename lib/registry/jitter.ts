/** As long, or up to a fifth less: what many processes do at an interval must not fall into one instant. */
export function jittered(ms: number): number {
  return Math.round(ms * (1 - Math.random() / 5));
}
