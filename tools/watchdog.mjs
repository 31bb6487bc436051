/**
 * Ends processes, containers and temporary folders once this process is gone, however it went.
 *
 * A detached `sh` reads a pipe that only this process holds open. The kernel closes the pipe on a normal exit, on a
 * crash and on SIGKILL alike, so no signal handler is needed and none can be missed.
 */
import { spawn } from 'node:child_process';

// Folders are kept as the positional parameters, the one list in POSIX sh that holds any path.
const SCRIPT = `
pids=' ' containers=''
while read -r verb value; do
  case $verb in
    watch) pids="$pids$value " ;;
    forget) case $pids in *" $value "*) pids="\${pids%% $value *} \${pids#* $value }" ;; esac ;;
    container) containers="$containers $value" ;;
    folder) set -- "$@" "$value" ;;
  esac
done
[ -n "\${pids# }" ] && kill -9 $pids 2>/dev/null
[ -n "$containers" ] && docker rm -f -v $containers >/dev/null 2>&1
[ $# -gt 0 ] && rm -rf -- "$@"
`;

let guard;

function tell(verb, value) {
  guard ??= startGuard();
  guard.stdin.write(`${verb} ${value}\n`);
}

function startGuard() {
  // Detached: its own session, so that neither Ctrl-C nor a closed terminal ends it before its work is done.
  const child = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  child.stdin.unref();
  child.stdin.on('error', () => (guard = undefined));
  child.on('error', () => (guard = undefined));
  return child;
}

/** Kills the process with SIGKILL when this one ends. */
export const watchProcess = (pid) => tell('watch', pid);

/** To be called once the process has ended, since its number may then go to a stranger. */
export const forgetProcess = (pid) => tell('forget', pid);

/** Removes the container when this process ends; an unknown or already removed name is fine. */
export const watchContainer = (name) => tell('container', name);

/** Removes the folder and all in it when this process ends. */
export const watchFolder = (path) => tell('folder', path);
