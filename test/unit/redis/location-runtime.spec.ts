import { HydraInstance } from '../../../lib/hydra-instance.js';
import { resolveOptions } from '../../../lib/hydra-options.js';
import { systemClock } from '../../../lib/runtime/clock.js';
import { systemRandom } from '../../../lib/runtime/random-source.js';
import { ManualClock } from '../../support/manual-clock.js';

function instanceAt(redis: object | string) {
  return new HydraInstance(resolveOptions({ service: 'runtime', redis }, {}));
}

describe('an instance', () => {
  it('takes time and randomness from its Redis where that brings them', () => {
    const clock = new ManualClock();
    const random = { ...systemRandom, uuid: () => '01234567-89ab-4cde-8f01-23456789abcd' };
    const instance = instanceAt({ host: 'memory', clock, random });
    expect(instance).toMatchObject({ clock, random });
    expect(instance.id).toBe('0123456789ab4cde8f0123456789abcd');
  });

  it('has the time and the randomness of the system elsewhere', () => {
    expect(instanceAt('redis://127.0.0.1:1')).toMatchObject({ clock: systemClock, random: systemRandom });
    expect(instanceAt({ host: '127.0.0.1' })).toMatchObject({ clock: systemClock, random: systemRandom });
  });
});
