/** Node's jest environment, plus cleanups that run after every hook of a test file, in the reverse of their order. */
import { TestEnvironment } from 'jest-environment-node';

export default class Environment extends TestEnvironment {
  cleanups = [];

  async setup() {
    await super.setup();
    this.global.atEndOfTestFile = (cleanup) => this.cleanups.unshift(cleanup);
  }

  // An afterAll in the helper itself would run before the test file's own, which still needs what the helper started.
  async handleTestEvent(event) {
    if (event.name === 'run_finish')
      await Promise.allSettled(this.cleanups.splice(0).map((cleanup) => cleanup()));
  }
}
