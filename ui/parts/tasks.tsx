import type { Task } from '../../lib/dashboard/act/task-list.js';
import { act } from '../live/ask.js';
import { useMay } from '../live/session.js';
import { useTopic } from '../live/topics.js';
import { notify } from './notices.js';
import { Badge, type Tone } from './shown.js';
import { count } from './words.js';

const TONES: Readonly<Record<Task['state'], Tone>> = {
  running: 'info',
  stopping: 'warning',
  done: 'good',
  stopped: 'warning',
  failed: 'error',
};

/** What runs on behalf of all who look, and what has ended. */
export function Tasks() {
  const { value: tasks = [] } = useTopic<readonly Task[]>('tasks');
  if (tasks.length === 0) return null;
  return (
    <section class="tasks" aria-label="Tasks">
      <h2>Tasks</h2>
      {tasks.slice(0, 5).map((task) => (
        <TaskLine key={task.id} task={task} />
      ))}
    </section>
  );
}

function TaskLine({ task }: { readonly task: Task }) {
  const { id, what, who, total, done, state, error, action } = task;
  return (
    <div class="task" data-state={state}>
      <span>
        <Badge tone={TONES[state]}>{state}</Badge> {what}, by {who}
      </span>
      <progress
        aria-label={what}
        max={total ?? Math.max(done, 1)}
        value={state === 'done' ? (total ?? Math.max(done, 1)) : done}
      />
      <span class="number">
        {count(done)}
        {total !== undefined && ` of ${count(total)}`}
      </span>
      {error !== undefined && <span class="error">{error}</span>}
      {state === 'running' && <StopButton action={action} id={id} what={what} />}
    </div>
  );
}

function StopButton({
  action,
  id,
  what,
}: {
  readonly action: string;
  readonly id: string;
  readonly what: string;
}) {
  if (!useMay(action)) return null;
  const stop = () => act('task.stop', { id }).catch((error: Error) => notify(error.message, true));
  return (
    <button type="button" aria-label={`Stop ${what}`} onClick={() => void stop()}>
      Stop
    </button>
  );
}
