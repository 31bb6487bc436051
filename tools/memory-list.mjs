/** What must not pass on the Redis in memory: `test/support/not-on-memory.json`, compared with what did not. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { ROOT } from './setup.mjs';

const LIST = 'test/support/not-on-memory.json';
/** Suites on Clusters, Sentinels or with TLS, which start real servers: they say nothing about the one in memory. */
const ON_REAL_SERVERS =
  /\bstart(?:Cluster|Sentinels?|TlsRedis)\(|from '\.\.\/support\/(?:tls-redis|topology|sentinels)\.js'/;
/** Reasons of tests that ask for what a Redis in memory is not meant to be. */
const NOT_MEANT = /^needs (?:a Cluster|replicas|persistence)\b/;
/** Of the other tests, how many have to pass. */
const MIN_SHARE = 0.98;
const MIN_TESTS = 500;

/**
 * Reads jest's report. Each test that failed has to be listed with its reason, and each that is listed has to have failed.
 *
 * @returns what is wrong, as lines, and how many tests passed and did not
 */
export async function compareWithList(reportFile) {
  const list = JSON.parse(await readFile(join(ROOT, LIST), 'utf8'));
  const { testResults } = JSON.parse(await readFile(reportFile, 'utf8'));
  const wrong = [];
  const counts = { passed: 0, listed: 0 };
  for (const { name: path, assertionResults, message } of testResults) {
    const suite = basename(path);
    const reasons = { ...list[suite] };
    const isCounted = !ON_REAL_SERVERS.test(await readFile(path, 'utf8'));
    if (assertionResults.length === 0) wrong.push(`${suite} did not run: ${message.split('\n')[0]}`);
    for (const { fullName, status } of assertionResults) {
      const reason = reasons[fullName];
      const isListed = reason !== undefined;
      delete reasons[fullName];
      if (status === 'passed' && isCounted) counts.passed += 1;
      if (status === 'passed' && isListed) wrong.push(`passes, and is listed: ${suite}: ${fullName}`);
      if (status === 'failed' && isListed && isCounted && !NOT_MEANT.test(reason)) counts.listed += 1;
      if (status === 'failed' && !isListed) wrong.push(`fails, and is not listed: ${suite}: ${fullName}`);
    }
    wrong.push(...Object.keys(reasons).map((name) => `is listed, and not there: ${suite}: ${name}`));
  }
  const share = counts.passed / (counts.passed + counts.listed);
  // A few suites say nothing about the whole.
  if (counts.passed + counts.listed > MIN_TESTS && share < MIN_SHARE)
    wrong.push(`only ${(share * 100).toFixed(1)} % pass; ${MIN_SHARE * 100} % have to`);
  return { wrong, share, ...counts };
}
