import { matchesGlob } from '../protocol/glob.js';

/** What becomes of the next messages of some channels. */
interface MessageFault {
  readonly channels: string;
  /** How often each arrives. */
  readonly copies: number;
  left: number;
}

/** What a test makes go wrong with the answers and messages of a server. */
export class ServerFaults {
  private readonly lostReplies = new Map<string, number>();
  private messages: MessageFault[] = [];
  private refusesWrites = false;

  get isReadOnly(): boolean {
    return this.refusesWrites;
  }

  readOnly(isReadOnly: boolean): void {
    this.refusesWrites = isReadOnly;
  }

  loseReplies(command: string, times: number): void {
    this.lostReplies.set(command.toLowerCase(), times);
  }

  disturbMessages(channels: string, copies: number, times: number): void {
    this.messages.push({ channels, copies, left: times });
  }

  /** Whether the connection breaks before the answer of this command. */
  takesReply(command: string): boolean {
    const left = this.lostReplies.get(command) ?? 0;
    if (left > 0) this.lostReplies.set(command, left - 1);
    return left > 0;
  }

  /** How often the next message of this channel arrives. */
  copiesOf(channel: string): number {
    const fault = this.messages.find(({ channels }) => matchesGlob(channels, channel));
    if (!fault) return 1;
    fault.left--;
    if (fault.left <= 0) this.messages = this.messages.filter((other) => other !== fault);
    return fault.copies;
  }
}
