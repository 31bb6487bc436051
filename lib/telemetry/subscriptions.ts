import type { Channel, ChannelListener } from 'node:diagnostics_channel';

/** What is subscribed to, to be ended together. */
export class Subscriptions {
  private readonly ends: (() => unknown)[] = [];

  /** Listens to a channel. Never lets a failure of tracing become one of the application. */
  on<Event extends object>(channel: Channel<unknown, Event>, listen: (event: Event) => void): void {
    const listener: ChannelListener = (event) => {
      try {
        listen(event as Event);
      } catch {
        // A propagator or a sampler of the application's failed: the call goes its way without.
      }
    };
    channel.subscribe(listener);
    this.ends.push(() => channel.unsubscribe(listener));
  }

  end(): void {
    for (const end of this.ends.splice(0)) end();
  }
}
