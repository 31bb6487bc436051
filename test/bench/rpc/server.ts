import { answerCommands } from '../support/commands.js';
import { ownPeer } from './peer.js';
import { workCount } from './peers/nest.js';

const { peer, place } = await ownPeer();
await peer.serve(place);
answerCommands({ worked: workCount });
