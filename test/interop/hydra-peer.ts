import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CALL_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3_000;
const KEPT_STDERR_CHARS = 8_000;

/** A message as hydra hands it to its listeners: the short form. */
export interface PeerMessage {
  readonly to: string;
  readonly frm: string;
  readonly mid: string;
  readonly rmid?: string;
  readonly ts: string;
  readonly typ?: string;
  readonly ver: string;
  readonly via?: string;
  readonly fwd?: string;
  readonly hdr?: Record<string, unknown>;
  readonly aut?: string;
  readonly sig?: string;
  readonly tmo?: number;
  readonly bdy?: unknown;
}

/** hydra's view of one instance: the node record as stored, and `updatedOnTS` or `elapsed`. */
export interface PeerNode {
  readonly serviceName: string;
  readonly serviceDescription: string;
  readonly version: string;
  readonly instanceID: string;
  readonly updatedOn: string;
  readonly processID: number;
  readonly ip: string;
  readonly port: string | number;
  readonly hostName: string;
  readonly updatedOnTS?: number;
  /** Seconds since `updatedOn`, by the reader's clock. */
  readonly elapsed?: number;
}

/** hydra's `{ statusCode, statusMessage, statusDescription, result }`, and whatever else an HTTP answer held. */
export interface PeerResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly statusDescription: string;
  readonly result: unknown;
  readonly [member: string]: unknown;
}

/** What a message is made of; `frm` is the service by default, and the instance for `request`. */
export interface PeerSend {
  readonly to: string;
  readonly typ?: string;
  readonly body?: unknown;
  readonly frm?: string;
  readonly mid?: string;
  readonly headers?: Record<string, string>;
  readonly authorization?: string;
  /** In seconds, as the wire has it. */
  readonly timeout?: number;
  readonly via?: string;
}

interface ServiceArgs {
  readonly service: string;
}

/** Every command: what it takes and what it gives, as hydra gives it; undefined arrives as null. */
export interface PeerCommands {
  find: [ServiceArgs, { serviceName: string; type: string; registeredOn: string }];
  presence: [ServiceArgs, PeerNode[]];
  hasPresence: [ServiceArgs, boolean];
  services: [void, { serviceName: string; type: string; registeredOn: string }[]];
  nodes: [void, PeerNode[]];
  health: [ServiceArgs, Record<string, unknown>[]];
  healthAll: [void, { health: unknown[]; log: unknown[]; presence: PeerNode[] }[]];
  healthlog: [ServiceArgs, Record<string, unknown>[]];
  log: [{ type: string; message: unknown }, null];
  /** Null when hydra published it, else the reason why not. */
  send: [PeerSend, PeerResponse | null];
  broadcast: [PeerSend, PeerResponse | null];
  /** Fails when no message with our id as `rmid` comes within `timeoutMs` (default 5000). */
  request: [PeerSend & { readonly timeoutMs?: number }, PeerMessage];
  /**
   * From now on answer what comes in, with hydra's `sendReplyMessage`: `sum` adds up the array that a message of type
   * (or path) `sum` holds, `echo` sends any other body back. Without `typ` the reply repeats the request's type.
   */
  autoReply: [{ readonly sum?: boolean; readonly echo?: boolean; readonly typ?: string }, null];
  reply: [
    { readonly to: PeerMessage; readonly body: unknown; readonly typ?: string; readonly frm?: string },
    PeerResponse | null,
  ];
  registerRoutes: [{ readonly routes: readonly string[] }, null];
  allRoutes: [void, Record<string, string[]>];
  matchRoute: [{ readonly path: string }, boolean];
  queue: [PeerSend, PeerResponse | Record<string, unknown>];
  /** Null when the queue is empty or the element was not JSON. */
  take: [ServiceArgs, PeerMessage | null];
  mark: [{ readonly message: PeerMessage; readonly completed: boolean; readonly reason?: string }, unknown];
  getConfig: [{ readonly label: string }, unknown];
  putConfig: [{ readonly label: string; readonly config: object }, null];
  listConfig: [ServiceArgs, string[]];
  apiRequest: [PeerSend, PeerResponse];
  shutdown: [void, unknown];
}

export interface PeerOptions {
  readonly service: string;
  readonly redisUrl: string;
  /** Default: `hydra`. `hydra-express` takes more than 2 s to start. */
  readonly kind?: 'hydra' | 'hydra-express';
  /** Advertised, and listened on by `hydra-express`. Default: one that hydra finds free. */
  readonly port?: number;
  readonly version?: string;
  readonly type?: string;
  readonly description?: string;
  /** False: connected without being a service, like hydra-cli. Not for `hydra-express`. */
  readonly register?: boolean;
}

interface Waiting {
  readonly what: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Line = { id: number; result?: unknown; error?: string } | { event: 'message' | 'log'; data: unknown };

/** One process running the real `hydra` or `hydra-express`; see hydra-process.cjs. */
export class HydraPeer {
  /** Every message received so far, oldest first. */
  readonly messages: PeerMessage[] = [];
  /** Every entry hydra logged so far. */
  readonly logs: unknown[] = [];
  instanceId = '';
  /** A string when configured, a number when hydra chose it. */
  servicePort: string | number = 0;

  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<() => void>();
  private readonly exited: Promise<unknown>;
  private lastId = 0;
  private stderr = '';
  private end: string | undefined;

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    readonly service: string,
  ) {
    this.exited = once(child, 'close').then(([code, signal]) => this.ended(`exit ${String(signal ?? code)}`));
    child.on('error', (error) => this.ended(error.message));
    // A process that is gone is reported by its exit, with the reason; EPIPE would add nothing.
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-KEPT_STDERR_CHARS);
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.take(line));
  }

  /** Resolves once hydra has registered the service. */
  static async start({ kind = 'hydra', ...init }: PeerOptions): Promise<HydraPeer> {
    const program = fileURLToPath(new URL(`./${kind}-process.cjs`, import.meta.url));
    const peer = new HydraPeer(spawn(process.execPath, [program]), init.service.toLowerCase());
    try {
      const info = (await peer.perform('init', init)) as {
        instanceId: string;
        servicePort?: string | number;
      };
      peer.instanceId = info.instanceId;
      peer.servicePort = info.servicePort ?? 0;
      return peer;
    } catch (error) {
      await peer.kill();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** The address that reaches this process and no other instance. */
  get address(): string {
    return `${this.instanceId}@${this.service}:/`;
  }

  /**
   * Runs one command and gives back what hydra gave.
   *
   * @throws Error with the command, the reason and the end of the process's stderr: when hydra rejects, when the
   *   process ends, or when it does not answer within `timeoutMs`
   */
  call<Name extends keyof PeerCommands>(
    command: Name,
    ...args: PeerCommands[Name][0] extends void ? [] : [PeerCommands[Name][0]]
  ): Promise<PeerCommands[Name][1]> {
    return this.perform(command, args[0]);
  }

  /** The first message, received already or within `timeoutMs`, that passes the test. */
  async message(
    test: (message: PeerMessage) => boolean = () => true,
    timeoutMs = 5_000,
  ): Promise<PeerMessage> {
    const find = () => this.messages.find(test);
    const found = find() ?? (await this.untilFound(find, timeoutMs));
    if (found) return found;
    throw this.failure(`no such message within ${timeoutMs} ms; received: ${JSON.stringify(this.messages)}`);
  }

  /** Lets hydra shut down, then ends the process. Fine to call twice, and after the process has gone. */
  async stop(): Promise<void> {
    if (this.end === undefined)
      await this.perform('shutdown', undefined, STOP_TIMEOUT_MS).catch(() => undefined);
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** SIGKILL: nothing is withdrawn, its presence ends by itself within 3 s. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGSTOP: it stays subscribed and answers nothing. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  private async perform(command: string, args: unknown, timeoutMs = CALL_TIMEOUT_MS): Promise<unknown> {
    const what = `${command} ${JSON.stringify(args) ?? ''}`;
    if (this.end !== undefined) throw this.failure(`${what}: the process has ended (${this.end})`);
    const id = ++this.lastId;
    let timer: NodeJS.Timeout | undefined;
    const outcome = new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { what, resolve, reject });
      timer = setTimeout(() => reject(this.failure(`${what}: no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    this.child.stdin.write(`${JSON.stringify({ id, command, args })}\n`);
    try {
      return await outcome;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  private take(text: string): void {
    const line = JSON.parse(text) as Line;
    if ('event' in line) {
      if (line.event === 'message') this.messages.push(line.data as PeerMessage);
      else this.logs.push(line.data);
      for (const listener of this.listeners) listener();
      return;
    }
    const waiting = this.waiting.get(line.id);
    if (line.error === undefined) waiting?.resolve(line.result);
    else waiting?.reject(this.failure(`${waiting.what}: ${line.error}`));
  }

  private ended(reason: string): void {
    this.end ??= reason;
    for (const { what, reject } of this.waiting.values()) {
      reject(this.failure(`${what}: the process ended (${reason})`));
    }
  }

  private untilFound<T>(find: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const settle = (found: T | undefined): void => {
        clearTimeout(timer);
        this.listeners.delete(look);
        resolve(found);
      };
      const look = (): void => {
        const found = find();
        if (found !== undefined) settle(found);
      };
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      this.listeners.add(look);
    });
  }

  private failure(reason: string): Error {
    const stderr = this.stderr === '' ? '(empty)' : this.stderr;
    return new Error(`hydra peer "${this.service}", ${reason}\n--- its stderr ---\n${stderr}`);
  }
}
