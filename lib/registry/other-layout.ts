import { Logger } from '@nestjs/common';

import { createKeys, type LayoutName } from '../protocol/keys.js';
import type { Context } from '../redis/context.js';
import { NOW } from '../redis/lua-clock.js';
import { Script } from '../redis/script.js';

/** How many services are checked: a few are enough to find a mistake. */
const MAX_LOOKED_FOR = 200;
const MAX_NAMED = 5;

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
const findOtherLayout = new Script<number[]>(
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

/**
 * Warns when services on this Redis use the other layout of keys: this process and those services do not see each
 * other. Where several servers share the keys only one layout works, and Redis refuses the other one.
 */
export async function warnOfOtherLayout(context: LayoutContext): Promise<void> {
  const { layout } = context.options;
  const services = await servicesOfOtherLayout(context);
  if (services.length === 0) return;
  const found = services.slice(0, MAX_NAMED).map((service) => `"${service}"`);
  const more = services.length > MAX_NAMED ? ` and ${services.length - MAX_NAMED} more` : '';
  new Logger('Hydra').warn(
    `layout is '${layout}', and there are instances of ${found.join(', ')}${more} whose layout is '${OTHER[layout]}': they and this process do not see each other`,
  );
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
