/** What failed, in a line for each test: the end of a long log is all that some places keep of it. */
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Of an error's message. */
const MAX_CHARS = 300;

/**
 * Reads what jest wrote with `--json`.
 *
 * @param report - the parsed report; undefined when jest left none
 * @param root - the folder that suites are named relative to
 * @returns a line for each test that failed, and for each suite that failed otherwise: `suite › test: message`
 */
export function failedTests(report, root) {
  if (!report) return ['jest left no report'];
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const suite = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length > 0) return failed.map((test) => lineOf(suite, test));
    const what = assertionResults.length === 0 ? `${suite} did not run` : suite;
    return status === 'failed' ? [`${what}: ${beginningOf(message)}`] : [];
  });
}

function lineOf(suite, { fullName, failureMessages }) {
  return `${suite} › ${fullName}: ${beginningOf(failureMessages[0] ?? '')}`;
}

/** The message alone, without its stack, in one line: what was expected and received is in it. */
function beginningOf(message) {
  const lines = stripVTControlCharacters(message).split('\n');
  const end = lines.findIndex((line) => /^\s+at /.test(line));
  const words = lines
    .slice(0, end < 0 ? undefined : end)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('●'));
  const text = words.join('; ');
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
}
