import type { Balancer, BalancerName, BalancerView, Instance } from '../../hydra-options.js';
import type { RandomSource } from '../../runtime/random-source.js';

/** A balancer by its name; a function is its own. */
export function createBalancer(given: BalancerName | Balancer, random: RandomSource): Balancer {
  if (typeof given === 'function') return given;
  if (given === 'round-robin') return roundRobin(random);
  return given === 'random' ? randomChoice(random) : powerOfTwoChoices(random);
}

/**
 * Power of two choices: of two instances drawn at random, the one that is likely to answer sooner. This is nearly as
 * even as comparing all of them, and not all callers choose the same one.
 */
export function powerOfTwoChoices(random: RandomSource): Balancer {
  return (instances, view) => {
    const count = instances.length;
    if (count < 2) return instances[0];
    const first = Math.floor(random.float() * count);
    const second = (first + 1 + Math.floor(random.float() * (count - 1))) % count;
    return sooner(instances[first]!, instances[second]!, view);
  };
}

export function randomChoice(random: RandomSource): Balancer {
  return (instances) => instances[Math.floor(random.float() * instances.length)];
}

/** One after another, from a random start, so that many callers do not start with the same instance. */
export function roundRobin(random: RandomSource): Balancer {
  let next = Math.floor(random.float() * 1_000);
  return (instances) => instances[next++ % instances.length];
}

/**
 * The one with the lower latency, weighed by the calls it has in flight. They count less the more there are, because
 * latency has their waiting in it already: weighed in full, an instance ten times slower than the others would be chosen
 * whenever they have ten calls each. An instance of unknown latency costs nothing, so it is tried.
 */
function sooner(a: Instance, b: Instance, view: BalancerView): Instance {
  const [inFlightA, inFlightB] = [view.inFlight(a), view.inFlight(b)];
  const usual = 4 + (inFlightA + inFlightB) / 2;
  const costA = (usual + inFlightA) * (view.latencyMs(a) + 0.01);
  const costB = (usual + inFlightB) * (view.latencyMs(b) + 0.01);
  return costB < costA ? b : a;
}
