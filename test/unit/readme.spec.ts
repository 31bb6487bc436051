import { existsSync, readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

const SAMPLE = ['math.module.ts', 'math.main.ts', 'gateway.module.ts', 'gateway.main.ts'].map(
  (file) => `sample/01-request-reply/${file}`,
);

describe('README.md', () => {
  it.each(SAMPLE)('shows %s as it is', (path) => {
    expect(read('README.md')).toContain(`\`\`\`ts\n// ${path}\n${read(path).trimEnd()}\n\`\`\`\n`);
  });
});

describe('the pages', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    ...readdirSync(new URL('docs', ROOT))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  it.each(pages)('of %s lead nowhere but to what is there', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link!);
    const missing = links.filter((link) => !existsSync(new URL(link, new URL(page, ROOT))));
    expect(missing).toEqual([]);
  });
});
