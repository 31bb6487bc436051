import { useEffect, useState } from 'preact/hooks';

import type { SeenDocument } from '../../lib/dashboard/ask/config-questions.js';
import { act, useAsked } from '../live/ask.js';
import { useMay } from '../live/session.js';
import { notify } from '../parts/notices.js';
import { Nothing, Problem, Stored } from '../parts/shown.js';

interface EditorProps {
  readonly service: string;
  readonly version: string;
  readonly onWritten: () => void;
}

/** One document. It is written only where nobody else has changed it meanwhile. */
export function DocumentEditor({ service, version, onWritten }: EditorProps) {
  const { value, error, again } = useAsked<SeenDocument>('document', { service, version });
  const may = useMay('config.put');
  if (!value) return error === undefined ? <Nothing>Reading…</Nothing> : <Problem text={error} />;
  const { revision, text } = value;
  const written = () => {
    onWritten();
    again();
  };
  return (
    <section>
      <Problem text={error} />
      <h3>
        {version} at revision @{revision}
      </h3>
      {may ? (
        <Form key={revision} service={service} document={value} onWritten={written} onAgain={again} />
      ) : (
        <Stored text={text} label={`Configuration ${version}`} />
      )}
    </section>
  );
}

interface FormProps {
  readonly service: string;
  readonly document: SeenDocument;
  readonly onWritten: () => void;
  readonly onAgain: () => void;
}

function Form({ service, document, onWritten, onAgain }: FormProps) {
  const { version, revision, text: stored, isChecked } = document;
  const [text, setText] = useState(stored);
  const [why, setWhy] = useState('');
  const [error, setError] = useState<string | undefined>();
  useEffect(() => setText(stored), [stored]);
  const write = async (event: Event) => {
    event.preventDefault();
    try {
      await act('config.put', { service, version, text, why, expect: revision });
      setError(undefined);
      notify(`${version} is written`);
      onWritten();
    } catch (problem) {
      setError((problem as Error).message);
    }
  };
  return (
    <form onSubmit={(event) => void write(event)}>
      <p class="quiet">Values that are [redacted] stay as they are stored. {checkOf(service, isChecked)}</p>
      <label>
        The document, as JSON
        <textarea
          rows={16}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {error !== undefined && (
        <p class="problem" role="alert">
          Not written: {error}
        </p>
      )}
      <p class="filter">
        <label>
          Why <input value={why} onInput={(event) => setWhy(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={text === stored}>
          Write
        </button>
        <button type="button" onClick={onAgain}>
          Read again
        </button>
      </p>
    </form>
  );
}

/** What happens to a document that does not meet the schema of its service. */
function checkOf(service: string, isChecked: boolean): string {
  if (isChecked) return `What does not meet the schema of ${service} is not written.`;
  return `No schema of ${service} is known here: the document is written without a check. An instance that refuses it keeps the one that it runs with, and says why under “Which instance runs what”.`;
}
