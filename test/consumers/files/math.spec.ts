import { Test } from '@nestjs/testing';
import { DiscoveryService } from 'nestjs-hydra';

import { MathController } from './math.module.js';

describe('MathController', () => {
  it('adds up', async () => {
    const discovery = { provide: DiscoveryService, useValue: { instanceId: 'me' } };
    const testing = Test.createTestingModule({ controllers: [MathController], providers: [discovery] });
    const math = (await testing.compile()).get(MathController);
    expect(math.sum([1, 2, 3])).toEqual({ sum: 6, instance: 'me' });
  });
});
