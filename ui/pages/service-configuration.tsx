import type { SeenConfigs } from '../../lib/dashboard/ask/config-questions.js';
import type { SeenService } from '../../lib/dashboard/facts/service.js';
import { useAsked } from '../live/ask.js';
import { topic, useTopic } from '../live/topics.js';
import { ActButton } from '../parts/act-button.js';
import { Ago, Id, Nothing, Problem } from '../parts/shown.js';
import { Table } from '../parts/table.js';
import { NOT_REPORTED } from '../parts/words.js';
import { href } from '../route.js';
import { CompareForm } from './compare-form.js';
import { Differences } from './differences.js';
import { DocumentEditor } from './document-editor.js';

interface ConfigurationProps {
  readonly service: string;
  readonly query: Readonly<Record<string, string>>;
}

/** The stored versions of one service, their changes, and which instance runs what. */
export function ServiceConfiguration({ service, query }: ConfigurationProps) {
  const { value, error, again } = useAsked<SeenConfigs>('configs', { service });
  const { version, a, b } = query;
  return (
    <>
      <h2>{service}</h2>
      <Problem text={error} />
      {value ? <Versions service={service} configs={value} /> : <Nothing>Reading…</Nothing>}
      {version !== undefined && (
        <DocumentEditor key={version} service={service} version={version} onWritten={again} />
      )}
      {value && <CompareForm service={service} configs={value} />}
      {a !== undefined && b !== undefined && <Differences service={service} a={a} b={b} />}
      <Running service={service} />
      {value && <Changes service={service} configs={value} onWritten={again} />}
    </>
  );
}

interface Shown {
  readonly service: string;
  readonly configs: SeenConfigs;
}

function Versions({ service, configs: { versions } }: Shown) {
  if (versions.length === 0) return <Nothing>No configuration is stored.</Nothing>;
  return (
    <Table
      label="Stored versions"
      rows={versions}
      keyOf={({ version }) => version}
      columns={[
        {
          name: 'Version',
          cell: ({ version }) => <a href={href('configuration', [service], { version })}>{version}</a>,
        },
        { name: 'Revision', cell: ({ revision }) => `@${revision}` },
      ]}
    />
  );
}

/** An instance that runs an older revision has refused the newer one, or does not follow changes. */
function Running({ service }: { readonly service: string }) {
  const { value } = useTopic<SeenService>(topic('service', service));
  if (!value || value.instances.length === 0) return null;
  return (
    <>
      <h3>Which instance runs what</h3>
      <Table
        label="Which instance runs what"
        rows={value.instances}
        keyOf={({ id }) => id}
        columns={[
          { name: 'Instance', cell: ({ id }) => <Id id={id} /> },
          { name: 'Version of the service', cell: ({ version }) => version },
          { name: 'Configuration', cell: ({ capabilities }) => capabilities?.config ?? NOT_REPORTED },
          { name: 'Stored', cell: ({ capabilities }) => storedFor(capabilities?.config, value.revisions) },
          { name: 'What it says', cell: ({ vitals }) => said(vitals) },
        ]}
      />
    </>
  );
}

/** Why it has not taken what is stored, with the errors of its schema. */
function said(vitals: SeenService['instances'][number]['vitals']): string {
  const own = [...(vitals?.problems ?? []), ...(vitals?.warnings ?? [])];
  return own.flatMap((text) => /^config: (.*)$/s.exec(text)?.[1] ?? []).join('; ');
}

function storedFor(config: string | undefined, revisions: SeenService['revisions']): string {
  const at = config?.lastIndexOf('@') ?? -1;
  if (config === undefined || at < 0) return '';
  const stored = revisions[config.slice(0, at)];
  if (stored === undefined) return 'not stored any more';
  return stored === config.slice(at + 1) ? 'the same' : `a newer one, @${stored}`;
}

function Changes({
  service,
  configs: { changes, versions },
  onWritten,
}: Shown & { readonly onWritten: () => void }) {
  const present = new Map(versions.map(({ version, revision }) => [version, revision]));
  return (
    <>
      <h3>Changes, the newest first</h3>
      <Table
        label="Changes"
        rows={changes}
        keyOf={({ revision }) => String(revision)}
        columns={[
          { name: 'Revision', cell: ({ revision }) => `@${revision}` },
          { name: 'Version', cell: ({ version }) => version },
          { name: 'What', cell: ({ action }) => action },
          { name: 'When', cell: ({ at }) => <Ago at={at} /> },
          { name: 'Who', cell: ({ by, isForeign }) => (isForeign ? 'another program' : by) },
          { name: 'Why', cell: ({ why }) => why },
          {
            name: 'Actions',
            cell: ({ revision, version }) => (
              <span class="buttons">
                {present.has(version) && present.get(version) !== revision && (
                  <a href={href('configuration', [service], { a: `@${revision}`, b: version })}>
                    Differences to now
                  </a>
                )}
                {present.get(version) !== revision && (
                  <ActButton
                    action="config.rollback"
                    order={{ service, to: revision, expect: present.get(version) ?? 0 }}
                    label="Put back"
                    about={`revision ${revision}`}
                    question={`Version ${version} becomes what it was at revision ${revision}; instances take it at once. It is a new revision.`}
                    onDone={onWritten}
                  />
                )}
              </span>
            ),
          },
        ]}
      />
    </>
  );
}
