import { answerCommands } from '../support/commands.js';
import { ownPeer, type Rest } from './peer.js';

const { peer, redisUrl } = await ownPeer();

answerCommands({
  idle: ({ queues, rest }: { queues: number; rest: Rest }) => peer.idle!(redisUrl, queues, rest),
});
