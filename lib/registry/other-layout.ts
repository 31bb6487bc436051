import { Logger } from '@nestjs/common';

import { createKeys, type LayoutName } from '../protocol/keys.js';
import type { Context } from '../redis/context.js';
import { sayFault, type Fault } from '../redis/faults/fault.js';
import { NOW } from '../redis/lua-clock.js';
import { Script } from '../redis/script.js';
import { listed } from '../runtime/listed.js';

/** How many services are checked: a few are enough to find a mistake. */
const MAX_LOOKED_FOR = 200;

/**
 * Find services that have live instances under keys of the other layout.
 *
 * KEYS  1 the directory
 * ARGV  the beats of each service, in the other layout
 * Returns the place in ARGV of each that has a live instance.
 *
 * The keys in ARGV are not declared, so that a user who may not read them is not refused and noted: each is asked for first.
 * A server that has none of them there, or may not look, finds nothing.
 */
export const findOtherLayout = new Script<number[]>(
  'registry.findOtherLayout',
  1,
  `${NOW}
local found = {}
for place, beats in ipairs(ARGV) do
  if not redis.acl_check_cmd or redis.acl_check_cmd('ZCOUNT', beats, now, '+inf') then
    local alive = redis.pcall('ZCOUNT', beats, now, '+inf')
    if type(alive) == 'number' and alive > 0 then table.insert(found, place) end
  end
end
return found
`,
  'reads',
);

type LayoutContext = Pick<Context, 'redis' | 'keys' | 'options'>;

const OTHER: Readonly<Record<LayoutName, LayoutName>> = { classic: 'hash-tags', 'hash-tags': 'classic' };

/** Services that this process does not see. */
export const OTHER_LAYOUT: Fault<readonly string[]> = {
  id: 'layout.other',
  severity: 'warning',
  why: 'services with another layout of keys and this process do not see each other; where several servers share the keys, only hash-tags works',
  fix: "set the same layout everywhere: layout: 'classic' or 'hash-tags'",
  find: (services) => {
    if (services.length === 0) return undefined;
    return `instances of ${listed(services.map((service) => `"${service}"`))} use the other layout of keys`;
  },
};

/** Warns when services on this Redis use the other layout of keys. */
export async function warnOfOtherLayout(context: LayoutContext): Promise<void> {
  const line = sayFault(OTHER_LAYOUT, await servicesOfOtherLayout(context));
  if (line !== undefined) new Logger('Hydra').warn(`layout is '${context.options.layout}', and ${line}`);
}

/** Services of the directory that have live instances under keys of the other layout, of the first two hundred. */
export async function servicesOfOtherLayout({
  redis,
  keys,
  options: { namespace, layout },
}: LayoutContext): Promise<readonly string[]> {
  const names = await redis.commands.smembers(keys.directory);
  const others = createKeys({ namespace, layout: OTHER[layout] });
  const looked = names.slice(0, MAX_LOOKED_FOR);
  const places = await findOtherLayout.run(redis.commands, [
    keys.directory,
    ...looked.map((name) => others.beats(name)),
  ]);
  return places.map((place) => looked[place - 1]!);
}
