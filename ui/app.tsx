import { useEffect, useState } from 'preact/hooks';

import { askSession, type Session } from './live/ask.js';
import { NOBODY, SessionContext } from './live/session.js';
import { Navigation } from './navigation.js';
import { PAGES } from './pages.js';
import { LinkBanner } from './parts/link-banner.js';
import { Notices } from './parts/notices.js';
import { Nothing } from './parts/shown.js';
import { Tasks } from './parts/tasks.js';
import { useRoute } from './route.js';

/** The frame around every page. */
export function App() {
  const [session, setSession] = useState<Session | undefined>();
  const [error, setError] = useState<string | undefined>();
  const route = useRoute();
  useEffect(() => {
    askSession().then(setSession, (why: Error) => setError(why.message));
  }, []);
  const { title, Page } = PAGES[route.page] ?? { title: 'Not found', Page: NotFound };
  useEffect(() => {
    document.title = `${title} · Hydra`;
  }, [title]);
  if (error !== undefined)
    return (
      <p class="problem" role="alert">
        {error}
      </p>
    );
  return (
    <SessionContext.Provider value={session ?? NOBODY}>
      <a class="skip" href="#content" onClick={toContent}>
        To the content
      </a>
      <Navigation page={route.page} />
      <LinkBanner />
      <main id="content" tabIndex={-1}>
        <h1>{title}</h1>
        <Page key={route.words.join('/')} words={route.words} query={route.query} />
        <Tasks />
      </main>
      <Notices />
    </SessionContext.Provider>
  );
}

/** The address belongs to the pages, so the link moves the focus alone. */
function toContent(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function NotFound() {
  return <Nothing>There is no such page.</Nothing>;
}
