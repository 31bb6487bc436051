import { Refusal } from '../http/refusal.js';
import { readConditions } from '../facts/conditions.js';
import { readFleet } from '../facts/fleet.js';
import { FleetLook } from '../facts/fleet-look.js';
import { KnownNames } from '../facts/known-names.js';
import { LogTail } from '../facts/log-tail.js';
import type { Place } from '../facts/place.js';
import { readService } from '../facts/service.js';
import { readTopology } from '../facts/topology.js';
import { readStream } from '../facts/stream.js';
import { TrafficConditions } from '../facts/traffic-conditions.js';
import { readQueue } from '../facts/queue.js';
import { readQueues } from '../facts/queues.js';
import { readStreams } from '../facts/streams.js';
import type { TaskList } from '../act/task-list.js';
import type { Topic } from './collector.js';

const OFTEN_MS = 500;
const USUAL_MS = 2_500;
const SLOWLY_MS = 5_000;
const RARELY_MS = 15_000;

type Maker = (...words: string[]) => Topic;

/** Everything that can be watched, by the first word of its name. The others say what of it: `service/math`. */
export class Topics {
  private readonly makers: Readonly<Record<string, Maker>>;

  constructor(place: Place, tasks: TaskList) {
    const names = new KnownNames(place);
    const fleet = new FleetLook(place.instance);
    this.makers = {
      fleet: () => every(USUAL_MS, (asked) => readFleet(fleet, asked)),
      conditions: () => {
        const traffic = new TrafficConditions(place);
        return every(RARELY_MS, (asked) => readConditions(place, asked, traffic));
      },
      queues: () => every(USUAL_MS, (asked) => readQueues(place, asked, names)),
      streams: () => every(SLOWLY_MS, (asked) => readStreams(place, asked, names)),
      stream: (given) => {
        const name = needed(given);
        return every(USUAL_MS, (asked) => readStream(place, asked, name));
      },
      service: (given) => {
        const name = needed(given);
        return every(USUAL_MS, (asked) => readService(place, asked, { name, fleet }));
      },
      queue: (service, queue) => {
        const ref = { service: needed(service), queue: needed(queue) };
        return every(USUAL_MS, (asked) => readQueue(place, asked, ref));
      },
      topology: () => every(SLOWLY_MS, (asked) => readTopology(place, asked)),
      tasks: () => every(OFTEN_MS, async () => ({ value: tasks.all })),
      logs: (service, instance) => {
        const tail = new LogTail(place, { service, instance });
        return every(OFTEN_MS, (asked) => tail.read(asked));
      },
    };
  }

  /** @throws Refusal for a name that nothing has */
  of(name: string): Topic {
    const [kind = '', ...words] = name.split('/').map(decoded);
    const make = Object.hasOwn(this.makers, kind) ? this.makers[kind] : undefined;
    if (!make) throw new Refusal(400, `there is nothing called ${JSON.stringify(name)} to be watched`);
    return make(...words);
  }
}

function every(everyMs: number, read: Topic['read']): Topic {
  return { everyMs, read };
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    throw new Refusal(400, 'a name is not encoded as in URLs');
  }
}

/** @throws Refusal */
function needed(word: string | undefined): string {
  if (word) return word;
  throw new Refusal(400, 'a name is missing');
}
