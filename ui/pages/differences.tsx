import type { SeenDifference } from '../../lib/dashboard/ask/config-questions.js';
import { useAsked } from '../live/ask.js';
import { Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';

interface DifferencesProps {
  readonly service: string;
  readonly a: string;
  readonly b: string;
}

/** What differs between two versions, or revisions such as `@7`. */
export function Differences({ service, a, b }: DifferencesProps) {
  const { value, error } = useAsked<readonly SeenDifference[]>('difference', { service, a, b });
  if (!value) return error === undefined ? <Nothing>Comparing…</Nothing> : <Problem text={error} />;
  return (
    <section>
      <Problem text={error} />
      <h3>
        From {a} to {b}
      </h3>
      {value.length === 0 ? (
        <Nothing>They are the same.</Nothing>
      ) : (
        <Table
          label="Differences"
          rows={value}
          keyOf={({ path }) => path}
          columns={[
            { name: 'Where', cell: ({ path }) => <code>{path}</code> },
            { name: 'What', cell: ({ kind }) => kind },
            { name: 'Before', cell: ({ before }) => <code>{before ?? ''}</code> },
            { name: 'After', cell: ({ after }) => <code>{after ?? ''}</code> },
          ]}
        />
      )}
    </section>
  );
}
