/**
 * Node's jest environment, plus cleanups that run after every hook of a test file, in the reverse of their order. A file
 * that leaves a connection open then fails.
 */
import { TestEnvironment } from 'jest-environment-node';

import { openSockets, refuseOpenSockets } from './open-handles.mjs';

export default class Environment extends TestEnvironment {
  cleanups = [];
  openBefore = new Set();

  async setup() {
    await super.setup();
    this.openBefore = new Set(openSockets());
    this.global.atEndOfTestFile = (cleanup) => this.cleanups.unshift(cleanup);
  }

  // An afterAll in the helper itself would run before the test file's own, which still needs what the helper started.
  async handleTestEvent(event) {
    if (event.name !== 'run_finish') return;
    await Promise.allSettled(this.cleanups.splice(0).map((cleanup) => cleanup()));
    await refuseOpenSockets(this.openBefore);
  }
}
