import type { Conditions } from '../../lib/dashboard/facts/conditions.js';
import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import type { ListedQueues } from '../../lib/dashboard/facts/queues.js';
import type { DoctorFinding } from '../../lib/doctor/finding.js';
import { topic, useTopic } from '../live/topics.js';
import { Badge, Facts, Nothing, Problem } from '../parts/shown.js';
import { whereToAct } from '../parts/where-to-act.js';
import { count, counted } from '../parts/words.js';
import { href } from '../route.js';

/** Is all well, and if not, what first. */
export function OverviewPage() {
  const fleet = useTopic<Fleet>(topic('fleet'));
  const queues = useTopic<ListedQueues>(topic('queues'));
  const conditions = useTopic<Conditions>(topic('conditions'));
  return (
    <>
      <Problem text={fleet.problem} />
      {conditions.problem !== fleet.problem && <Problem text={conditions.problem} />}
      {conditions.value ? <Verdict {...conditions.value} /> : <Nothing>Looking at everything…</Nothing>}
      {fleet.value && queues.value && <Totals {...fleet.value} {...queues.value} />}
      {conditions.value?.conditions.map((condition) => (
        <ConditionCard key={condition.id} condition={condition} />
      ))}
      {conditions.value && <NotLookedAt {...conditions.value} />}
    </>
  );
}

function Verdict({ conditions, checks }: Conditions) {
  const errors = conditions.filter(({ severity }) => severity === 'error').length;
  const warnings = conditions.filter(({ severity }) => severity === 'warning').length;
  const tone = errors > 0 ? 'error' : warnings > 0 ? 'warning' : 'good';
  const text =
    errors > 0
      ? `${counted(errors, 'thing')} to mend now`
      : warnings > 0
        ? `Nothing stands still; ${counted(warnings, 'thing')} to look at`
        : 'All is well';
  return (
    <p class={`verdict ${tone}`}>
      <strong>{text}.</strong> {count(checks)} things are looked for.
    </p>
  );
}

/** Of what could be read; whatever could not is in the pages, with its reason. */
function Totals({ services, queues }: Fleet & ListedQueues) {
  return (
    <Facts
      facts={[
        ['Services', <a href={href('services')}>{count(services.length)}</a>],
        ['Instances', sum(services.map(({ instances }) => instances))],
        ['Jobs that wait', <a href={href('queues')}>{sum(queues.map(({ waiting }) => waiting))}</a>],
        ['Dead letters', <a href={href('queues')}>{sum(queues.map(({ deadLetters }) => deadLetters))}</a>],
      ]}
    />
  );
}

function sum(values: readonly number[]): string {
  return count(values.reduce((total, value) => total + value, 0));
}

function ConditionCard({ condition }: { readonly condition: DoctorFinding }) {
  const { id, severity, what, why, fix, docs } = condition;
  const places = whereToAct(condition);
  return (
    <article class={`card ${severity}`}>
      <h2>
        <Badge tone={severity}>{severity}</Badge> {what}
      </h2>
      <p>{why}</p>
      <p>
        <strong>To mend it:</strong> {fix}
      </p>
      {places.length > 0 && (
        <p class="links">
          {places.map(({ to, label }) => (
            <a key={to} href={to}>
              {label}
            </a>
          ))}
        </p>
      )}
      <p class="quiet">
        {id}
        {places.length === 0 && `, which is mended outside of this page; explained in ${docs}`}
      </p>
    </article>
  );
}

function NotLookedAt({ notLookedAt }: Conditions) {
  if (notLookedAt.length === 0) return null;
  return (
    <details>
      <summary>Not looked at: {counted(notLookedAt.flatMap(({ ids }) => ids).length, 'thing')}</summary>
      <ul>
        {notLookedAt.map(({ ids, why }) => (
          <li key={why}>
            {ids.join(', ')}: {why}
          </li>
        ))}
      </ul>
    </details>
  );
}
