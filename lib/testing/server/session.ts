import { encodeReply, type RespVersion } from '../protocol/resp-writer.js';
import { RespReader } from '../protocol/resp-reader.js';
import type { Reply } from '../protocol/reply.js';
import type { User } from './users.js';

/** Where the bytes of a connection go. */
export interface Wire {
  readonly address: string;
  write(bytes: Buffer): void;
  /** Ends the connection, after what was written. */
  end(): void;
}

/** Commands between MULTI and EXEC. */
export interface Transaction {
  readonly commands: (readonly string[])[];
  /** One was refused; EXEC will do nothing. */
  isBroken: boolean;
  /** One of them is refused where memory is full. */
  needsMemory: boolean;
}

/** What commands change of a connection. */
interface SessionState {
  name: string;
  database: number;
  version: RespVersion;
  /** Undefined until it has said who it is, where that is asked. */
  user: User | undefined;
  transaction: Transaction | undefined;
  /** A watched key was changed. */
  isStale: boolean;
  isClosed: boolean;
  /** It waits for a key; what it sends meanwhile waits too. */
  isBlocked: boolean;
  lastCommand: string;
}

/** One connection as the server sees it. */
export class Session {
  readonly reader = new RespReader();
  readonly state: SessionState = {
    name: '',
    database: 0,
    version: 2,
    user: undefined,
    transaction: undefined,
    isStale: false,
    isClosed: false,
    isBlocked: false,
    lastCommand: 'NULL',
  };
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  private pending = '';

  constructor(
    readonly id: number,
    readonly wire: Wire,
    readonly connectedAt: number,
    private readonly onPending: (session: Session) => void,
  ) {}

  get subscriptionCount(): number {
    return this.channels.size + this.patterns.size;
  }

  get isSubscriber(): boolean {
    return this.subscriptionCount > 0;
  }

  /** Collected until the server has done with all that it was given. */
  send(reply: Reply): void {
    if (this.state.isClosed) return;
    if (this.pending === '') this.onPending(this);
    this.pending += encodeReply(reply, this.state.version);
  }

  flush(): void {
    const { pending } = this;
    this.pending = '';
    if (pending !== '') this.wire.write(Buffer.from(pending, 'latin1'));
  }
}
