import { useContext } from 'preact/hooks';

import { SessionContext } from './live/session.js';
import { useLink } from './live/topics.js';
import { PAGES } from './pages.js';
import { href } from './route.js';

const STATES = {
  connecting: 'connecting',
  live: 'live',
  lost: 'not connected',
  refused: 'no access',
  asleep: 'asleep',
} as const;

/** The pages, who looks, and whether what is shown is live. */
export function Navigation({ page }: { readonly page: string }) {
  const { who, allowed, isAll, namespace } = useContext(SessionContext);
  const { state } = useLink();
  const rights = isAll ? '' : allowed.length === 0 ? ', reading' : ', with some rights';
  return (
    <header>
      <span class="brand">{namespace || 'hydra'}</span>
      <nav aria-label="Pages">
        {Object.entries(PAGES).map(([name, { title }]) => (
          <a key={name} href={href(name)} aria-current={name === page ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <span class="visitor">
        <span class={`dot ${state}`} aria-hidden="true" /> {STATES[state]}
        {who && ` · ${who}${rights}`}
      </span>
    </header>
  );
}
