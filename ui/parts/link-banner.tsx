import { useLink } from '../live/topics.js';

/** Says so when what is shown is not live any more. */
export function LinkBanner() {
  const { state, why } = useLink();
  if (state === 'live' || state === 'connecting' || state === 'asleep') return null;
  return (
    <p class="problem" role="alert">
      {state === 'refused'
        ? `You may not see this page any more: ${why}`
        : `The connection to the server is lost; the page tries again. What is shown is not up to date. ${why ?? ''}`}
    </p>
  );
}
