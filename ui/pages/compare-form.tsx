import { useState } from 'preact/hooks';

import type { SeenConfigs } from '../../lib/dashboard/ask/config-questions.js';
import { go, href } from '../route.js';

interface CompareProps {
  readonly service: string;
  readonly configs: SeenConfigs;
}

/** Chooses two versions or revisions, and shows what differs. */
export function CompareForm({ service, configs: { versions, changes } }: CompareProps) {
  const sides = [
    ...versions.map(({ version }) => [version, `${version}, as it is now`] as const),
    ...changes.map(({ revision, version }) => [`@${revision}`, `@${revision} of ${version}`] as const),
  ];
  const [a, setA] = useState(sides.at(-1)?.[0] ?? '');
  const [b, setB] = useState(sides[0]?.[0] ?? '');
  if (sides.length < 2) return null;
  const compare = (event: Event) => {
    event.preventDefault();
    go(href('configuration', [service], { a, b }));
  };
  const options = sides.map(([value, label]) => (
    <option key={value} value={value}>
      {label}
    </option>
  ));
  return (
    <form class="filter" onSubmit={compare}>
      <label>
        Compare{' '}
        <select value={a} onChange={(event) => setA(event.currentTarget.value)}>
          {options}
        </select>
      </label>
      <label>
        with{' '}
        <select value={b} onChange={(event) => setB(event.currentTarget.value)}>
          {options}
        </select>
      </label>
      <button type="submit">Show differences</button>
    </form>
  );
}
