import assert from 'node:assert';
import { test } from 'node:test';
import { HydraTest } from 'nestjs-hydra/testing';
import { firstValueFrom } from 'rxjs';

import { MathModule } from './math.module.js';

void test("Node's own test runner ends when the test has ended", async () => {
  const services = await HydraTest.create({ modules: [{ module: MathModule, replicas: 2 }] });
  const { sum } = await firstValueFrom(services.client('math').send('sum', [1, 2]));
  assert.equal(sum, 3);
  assert.equal(services.calls('sum').length, 1);
  await services.close();
});
