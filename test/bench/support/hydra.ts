/**
 * The library as its users get it: compiled. Its types come from the sources, since types are checked without a build.
 */
const compiled = new URL('../../../dist/index.js', import.meta.url).href;

export const {
  HydraClient,
  HydraModule,
  HydraRecordBuilder,
  HydraServer,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} = (await import(compiled)) as typeof import('../../../lib/index.js');
