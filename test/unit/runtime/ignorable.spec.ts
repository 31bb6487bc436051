import { IgnorablePromises } from '../../../lib/runtime/ignorable.js';

@IgnorablePromises
class Service {
  constructor(private readonly word: string) {}

  async fails(): Promise<never> {
    throw new Error(this.word);
  }

  async *values(): AsyncGenerator<string> {
    yield this.word;
  }

  plain(times: number): string {
    return this.word.repeat(times);
  }

  get upper(): string {
    return this.word.toUpperCase();
  }
}

describe('a service whose promises may be ignored', () => {
  it('tells who looks, at once or later, and harms nobody who does not', async () => {
    const unheard: unknown[] = [];
    const hear = (reason: unknown) => unheard.push(reason);
    process.on('unhandledRejection', hear);
    const service = new Service('no');
    void service.fails();
    const later = service.fails();
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('unhandledRejection', hear);
    await expect(later).rejects.toThrow('no');
    expect(unheard).toEqual([]);
  });

  it('is what it was otherwise', async () => {
    const service = new Service('no');
    expect([service.plain(2), service.upper, (await service.values().next()).value]).toEqual([
      'nono',
      'NO',
      'no',
    ]);
  });
});
