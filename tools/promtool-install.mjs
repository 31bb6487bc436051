/** Prometheus's `promtool`, which checks the metrics and the alert rules; it is in Debian's package `prometheus`. */
import { findProgram, run } from './command.mjs';

/** As with Redis, Debian would start a server as it installs the package. */
const APT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy
fi
apt-get -q update && apt-get -q install -y --no-install-recommends prometheus
`;

/** Installs it if this user may. Without it the tests that need it are skipped, and say so. */
export async function ensurePromtool({ log }) {
  if (findProgram('promtool')) return;
  if (!findProgram('apt-get') || process.getuid?.() !== 0) {
    log(
      'no promtool on this machine: the tests of alert rules are skipped; Debian: apt-get install prometheus',
    );
    return;
  }
  log('no promtool on this machine, installing it: apt-get install -y prometheus');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const code = await run('sh', ['-c', APT], { log: (line) => log(`  ${line}`), env });
  if (code !== 0) log(`apt-get ended with code ${code}: the tests of alert rules are skipped`);
}
