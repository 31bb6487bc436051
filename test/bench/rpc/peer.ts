/** What `echo` carries there and back. */
export interface Body {
  readonly id: number;
  readonly text: string;
}

/** The calls every peer can make. Each resolves with the answer of a handler in another process. */
export interface Calls {
  sum(numbers: readonly number[]): Promise<number>;
  echo(body: Body): Promise<Body>;
  /** A reply of so many values; resolves with their sum. Left out where replies have one value only. */
  count?(values: number): Promise<number>;
  /** Waits at the handler for as long as its process is told to, then returns its number. */
  work?(id: number): Promise<number>;
}

/** Where things are, for both sides. */
export interface Place {
  readonly redisUrl: string;
  /** For the transport that has no broker. */
  readonly tcpPort: number;
  readonly natsUrl: string;
  readonly httpPort: number;
  readonly grpcPort: number;
}

/** For peers that need nothing but Redis. */
export const redisOnly = (redisUrl: string): Place => ({
  redisUrl,
  tcpPort: 0,
  natsUrl: '',
  httpPort: 0,
  grpcPort: 0,
});

/** One way to make calls: each file in `peers/` exports one as `peer`. */
export interface Peer {
  /** Answers calls; resolves once it can be called. */
  serve(place: Place): Promise<unknown>;
  /** Resolves once calls can be made. */
  connect(place: Place): Promise<Calls>;
}

export const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);

/** The peer that this process was started for, and its place. */
export async function ownPeer(): Promise<{ readonly peer: Peer; readonly place: Place }> {
  const [name = '', place = '{}'] = process.argv.slice(2);
  const { peer } = (await import(`./peers/${name}.js`)) as { peer: Peer };
  return { peer, place: JSON.parse(place) as Place };
}
