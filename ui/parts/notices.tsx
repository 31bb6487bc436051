import { useEffect, useState } from 'preact/hooks';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

const SHOWN_MS = 8_000;
let notices: readonly Notice[] = [];
let redraw: (() => void) | undefined;
let count = 0;

/** Says for a while what came of something. */
export function notify(text: string, isError = false): void {
  const notice = { id: ++count, text, isError };
  change([...notices, notice].slice(-3));
  setTimeout(() => change(notices.filter((one) => one !== notice)), SHOWN_MS);
}

function change(next: readonly Notice[]): void {
  notices = next;
  redraw?.();
}

export function Notices() {
  const [, set] = useState({});
  useEffect(() => {
    redraw = () => set({});
    return () => (redraw = undefined);
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.map(({ id, text, isError }) => (
        <p key={id} class={isError ? 'error' : 'good'}>
          {text}
        </p>
      ))}
    </div>
  );
}
