import type { ComponentChildren } from 'preact';

import { ago, counted, short } from './words.js';

/** How bad something is, in a colour and in a word. */
export type Tone = 'good' | 'info' | 'warning' | 'error' | 'quiet';

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** A time, how long ago it was. */
export function Ago({ at }: { readonly at: string | Date | undefined }) {
  if (at === undefined) return <span class="quiet">not reported</span>;
  const text = String(at);
  return (
    <time dateTime={text} title={text}>
      {ago(at)}
    </time>
  );
}

/** An id, short, with the whole of it where one points. */
export function Id({ id }: { readonly id: string }) {
  return (
    <code class="id" title={id}>
      {short(id)}
    </code>
  );
}

/** A stored text, on as many lines as it has. */
export function Stored({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <pre class="stored" tabIndex={0} role="region" aria-label={label}>
      {text}
    </pre>
  );
}

/** What is said where there is nothing to show. */
export function Nothing({ children }: { readonly children: ComponentChildren }) {
  return <p class="nothing">{children}</p>;
}

/** What could not be read, with what is known from before. */
export function Problem({ text }: { readonly text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <p class="problem" role="alert">
      Not up to date: {text}
    </p>
  );
}

/** What was not looked at, in words. */
export function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <details>
      <summary>Not looked at: {counted(notes.length, 'thing')}</summary>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </details>
  );
}

/** Names and values. */
export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [name: string, value: ComponentChildren])[];
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
