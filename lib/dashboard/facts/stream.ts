import type { Asked } from '../../doctor/evidence/asked.js';
import type { StreamInfo } from '../../streams/stored/stream-info.js';
import type { Reading } from '../collect/collector.js';
import type { Place } from './place.js';

/** Commands of one look, and of each group. */
const COMMANDS = 3;
const COMMANDS_OF_GROUP = 4;

/** Reads the length of a stream and how far its groups have come. */
export async function readStream(
  { instance: { streams } }: Place,
  asked: Asked,
  name: string,
): Promise<Reading & { readonly value: StreamInfo }> {
  asked.note(COMMANDS);
  const value = await streams.info(name);
  asked.note(COMMANDS_OF_GROUP * value.groups.length);
  return { value };
}
