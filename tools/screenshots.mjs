/**
 * `npm run screenshots`: the pictures of the dashboard in docs/images, light and dark, of a shop of four services. It needs a Chromium,
 * as `npm run test:browser` does, whose look at all pages it is.
 */
import { join } from 'node:path';
import { run } from './command.mjs';
import { ROOT } from './setup.mjs';

const words = [join(ROOT, 'tools', 'test-browser.mjs'), 'test/browser/dashboard-look.spec.ts'];
const env = { ...process.env, HYDRA_PICTURES: join(ROOT, 'docs', 'images') };
process.exitCode = await run(process.execPath, words, { cwd: ROOT, inherit: true, env });
