import type { DoctorFinding } from '../../lib/doctor/finding.js';
import { href } from '../route.js';

/** A place in the page, and what is there. */
export interface Place {
  readonly to: string;
  readonly label: string;
}

type Subject = DoctorFinding['about'][number];

/** What of a queue one looks at first, by the id of the finding. */
const VIEWS: Readonly<Record<string, string>> = {
  'queues.dead-letters': 'failures',
  'queues.hydra-in-progress': 'active',
};

/** Where one acts on what was found, each place once; none where that is outside of this page, as in the settings of Redis. */
export function whereToAct({ id, about }: Pick<DoctorFinding, 'id' | 'about'>): readonly Place[] {
  const places = about.flatMap((subject) => placeOf(id, subject) ?? []);
  return [...new Map(places.map((place) => [place.to, place])).values()];
}

function placeOf(id: string, { service, queue, instance, stream, group }: Subject): Place | undefined {
  if (stream !== undefined) {
    const label = group === undefined ? stream : `${stream} (${group})`;
    return { to: href('streams', [stream], { group: group ?? '' }), label: `stream ${label}` };
  }
  if (service === undefined) return undefined;
  if (queue !== undefined) {
    const to = href('queues', [service, queue], { view: VIEWS[id] ?? 'waiting' });
    return { to, label: `queue ${service} / ${queue}` };
  }
  if (instance !== undefined) {
    const to = href('services', [service], { instance });
    return { to, label: `instance ${instance} of ${service}` };
  }
  if (id.startsWith('configuration.'))
    return { to: href('configuration', [service]), label: `configuration of ${service}` };
  if (id.startsWith('calls.'))
    return { to: href('topology', [], { node: service }), label: `calls of ${service}` };
  return { to: href('services', [service]), label: `service ${service}` };
}
