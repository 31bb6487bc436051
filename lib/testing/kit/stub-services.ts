import type { MemoryProcess } from '../memory-process.js';
import { HydraInstance } from '../../hydra-instance.js';
import { resolveOptions, type RedisLocation } from '../../hydra-options.js';
import { TestServer, type Observation } from './test-server.js';

interface StubService {
  readonly instance: HydraInstance;
  readonly server: TestServer;
  readonly patterns: Set<string>;
}

/** Services that are nothing but stubs. */
export class StubServices {
  private readonly services = new Map<string, Promise<StubService>>();

  constructor(
    private readonly observation: Observation,
    private readonly location: () => {
      readonly redis: RedisLocation;
      readonly process: MemoryProcess | undefined;
    },
    private readonly nameOf: (service: string) => string,
  ) {}

  /** Has calls and events of this pattern come to the stubs. */
  async serve(service: string, pattern: string): Promise<void> {
    const name = service.toLowerCase();
    const starting = this.services.get(name) ?? this.start(name, pattern);
    this.services.set(name, starting);
    add(await starting, pattern);
  }

  async close(): Promise<void> {
    for (const starting of this.services.values()) {
      const { instance, server } = await starting;
      await server.close();
      await instance.close();
    }
  }

  private async start(service: string, pattern: string): Promise<StubService> {
    const instance = new HydraInstance(resolveOptions({ service, redis: this.location().redis }));
    const server = new TestServer(instance, this.nameOf(service), this.observation);
    const started = { instance, server, patterns: new Set<string>() };
    // It must not be called before it knows what.
    add(started, pattern);
    await new Promise<void>((resolve, reject) => {
      void server.listen((error) => (error === undefined ? resolve() : reject(error)));
    });
    return started;
  }
}

/** While there is no stub, the handler has nothing to say. */
function add({ server, patterns }: StubService, pattern: string): void {
  if (patterns.has(pattern)) return;
  patterns.add(pattern);
  server.addHandler(pattern, () => new Promise(() => undefined));
}
