import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Knows where the archive is, and nothing that is in it, as a machine whose mirror does not answer. */
const APT =
  '#!/bin/sh\ncase "$*" in *indextargets*) echo "http://mirror.invalid/debian Debian";; *) exit 100;; esac\n';

describe('tools/debian-servers.mjs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hydra-apt-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('fails, and says so, where no server was found', () => {
    const programs = join(folder, 'bin');
    mkdirSync(programs);
    for (const name of ['apt-get', 'apt-cache', 'dpkg-deb']) {
      writeFileSync(join(programs, name), APT);
      chmodSync(join(programs, name), 0o755);
    }
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['tools/debian-servers.mjs', join(folder, 'servers'), 'trixie'],
      { encoding: 'utf8', env: { PATH: `${programs}:/usr/bin:/bin` } },
    );
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/No server was found: http:\/\/mirror\.invalid\/debian did not answer/);
  });
});
