import { useState } from 'preact/hooks';

import { act } from '../live/ask.js';
import { useMay } from '../live/session.js';
import { Dialog } from './dialog.js';
import { notify } from './notices.js';

interface ActProps {
  readonly action: string;
  readonly order: object;
  readonly label: string;
  /** What is asked before it is done; left out where it can be undone. */
  readonly question?: string;
  /** What it is done to, for those who do not see the row. */
  readonly about?: string;
  readonly onDone?: () => void;
}

/** Does one thing. Whoever may not do it does not see it. */
export function ActButton({ action, order, label, question, about, onDone }: ActProps) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  if (!useMay(action)) return null;
  const run = async () => {
    setAsking(false);
    setBusy(true);
    try {
      await act(action, order);
      notify(`${label}: done`);
      onDone?.();
    } catch (error) {
      notify(`${label}: ${(error as Error).message}`, true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button
        type="button"
        disabled={isBusy}
        aria-label={about === undefined ? undefined : `${label} ${about}`}
        onClick={() => (question === undefined ? void run() : setAsking(true))}
      >
        {label}
      </button>
      {isAsking && (
        <Dialog title={label} onClose={() => setAsking(false)}>
          <p>{question}</p>
          <p class="buttons">
            <button type="button" class="danger" onClick={() => void run()}>
              {label}
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Leave it
            </button>
          </p>
        </Dialog>
      )}
    </>
  );
}
