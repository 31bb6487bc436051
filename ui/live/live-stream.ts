import { readEvents, type ServerEvent } from './event-reader.js';
import { Watchdog } from './watchdog.js';

export type LinkState = 'connecting' | 'live' | 'lost' | 'refused' | 'asleep';

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
/** The server gives a sign of life every ten seconds: after two that are missing, the connection is a half one. */
const SILENCE_MS = 25_000;

interface Listener {
  event(this: void, event: ServerEvent): void;
  state(this: void, state: LinkState, why?: string): void;
}

/** The one answer that never ends by itself. When it is lost it is asked for again; while the page is hidden it is not. */
export class LiveStream {
  private topics: readonly string[] = [];
  private current: AbortController | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly listener: Listener) {
    document.addEventListener('visibilitychange', () => this.restart());
    addEventListener('online', () => this.restart());
  }

  /** From now on these are watched, and nothing else. */
  watch(topics: readonly string[]): void {
    if (topics.join('\n') === this.topics.join('\n')) return;
    this.topics = topics;
    this.restart();
  }

  private restart(): void {
    clearTimeout(this.timer);
    this.current?.abort();
    this.current = undefined;
    if (document.hidden) return this.listener.state('asleep');
    if (this.topics.length > 0) void this.run(new AbortController());
  }

  /** Never rejects. */
  private async run(control: AbortController): Promise<void> {
    this.current = control;
    const silent = () => control.abort(new Error(`nothing was heard for ${SILENCE_MS / 1_000} seconds`));
    const watchdog = new Watchdog(SILENCE_MS, silent);
    try {
      await this.follow(control, watchdog);
    } catch (error) {
      if (this.current === control) this.listener.state('lost', (error as Error).message);
    } finally {
      watchdog.stop();
    }
    if (this.current !== control) return;
    this.timer = setTimeout(() => this.restart(), this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
  }

  private async follow(control: AbortController, watchdog: Watchdog): Promise<void> {
    const { signal } = control;
    const query = new URLSearchParams(this.topics.map((topic) => ['topic', topic]));
    const answer = await fetch(`events?${query}`, { signal, cache: 'no-store' });
    if (!answer.ok || !answer.body) {
      const { error = `${answer.status}` } = (await answer.json().catch(() => ({}))) as { error?: string };
      if (this.current !== control) return;
      return this.listener.state(answer.status === 403 ? 'refused' : 'lost', error);
    }
    this.listener.state('live');
    for await (const event of readEvents(answer.body, () => watchdog.heard())) {
      this.pauseMs = FIRST_PAUSE_MS;
      this.listener.event(event);
    }
    if (this.current === control) this.listener.state('connecting');
  }
}
