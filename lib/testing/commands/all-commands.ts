import type { CommandFamily } from '../server/command-context.js';
import { accessCommands } from './access.js';
import { clientCommands } from './clients.js';
import { connectionCommands } from './connection.js';
import { hashCommands } from './hashes.js';
import { keyCommands } from './keys.js';
import { listCommands } from './lists.js';
import { publishingCommands } from './publishing.js';
import { scriptingCommands } from './scripting.js';
import { serverCommands } from './server.js';
import { setCommands } from './sets.js';
import { sortedSetRangeCommands } from './sorted-set-ranges.js';
import { sortedSetCommands } from './sorted-sets.js';
import { streamGroupCommands } from './streams/stream-groups.js';
import { streamInfoCommands } from './streams/stream-info.js';
import { streamCommands } from './streams/streams.js';
import { stringCommands } from './strings.js';
import { transactionCommands } from './transactions.js';

export const ALL_FAMILIES: readonly CommandFamily[] = [
  accessCommands,
  clientCommands,
  connectionCommands,
  hashCommands,
  keyCommands,
  listCommands,
  publishingCommands,
  scriptingCommands,
  serverCommands,
  setCommands,
  sortedSetCommands,
  sortedSetRangeCommands,
  streamCommands,
  streamGroupCommands,
  streamInfoCommands,
  stringCommands,
  transactionCommands,
];
