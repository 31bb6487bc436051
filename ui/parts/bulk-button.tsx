import { useState } from 'preact/hooks';

import { act } from '../live/ask.js';
import { useMay } from '../live/session.js';
import { Dialog } from './dialog.js';
import { notify } from './notices.js';
import { count } from './words.js';

interface Found {
  readonly count: number;
  readonly ids: readonly string[];
}

interface BulkProps {
  readonly action: string;
  readonly order: object;
  readonly label: string;
  /** What is meant, such as `all dead letters of math`. */
  readonly what: string;
}

/** Does something to many: first it is counted, then a person agrees, then it runs as a task. */
export function BulkButton({ action, order, label, what }: BulkProps) {
  const [found, setFound] = useState<Found | 'counting' | undefined>();
  if (!useMay(action)) return null;
  const fail = (error: Error) => {
    setFound(undefined);
    notify(`${label}: ${error.message}`, true);
  };
  const look = () => {
    setFound('counting');
    act<Found>(action, { ...order, dryRun: true }).then(setFound, fail);
  };
  const begin = (total: number) => {
    setFound(undefined);
    act(action, { ...order, total }).then(() => notify(`${label}: begun`), fail);
  };
  return (
    <>
      <button type="button" disabled={found === 'counting'} onClick={look}>
        {found === 'counting' ? 'Counting…' : `${label}…`}
      </button>
      {typeof found === 'object' && (
        <Dialog title={`${label}: ${what}`} onClose={() => setFound(undefined)}>
          <p>
            That is <strong>{count(found.count)}</strong>.
          </p>
          {found.ids.length > 0 && (
            <p class="ids">
              {found.ids.join(', ')}
              {found.count > found.ids.length && ' …'}
            </p>
          )}
          <p class="buttons">
            {found.count > 0 && (
              <button type="button" class="danger" onClick={() => begin(found.count)}>
                {label} {count(found.count)}
              </button>
            )}
            <button type="button" onClick={() => setFound(undefined)}>
              Leave it
            </button>
          </p>
        </Dialog>
      )}
    </>
  );
}
