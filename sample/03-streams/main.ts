import 'reflect-metadata';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraModule, StreamService } from 'nestjs-hydra';

import { behind, Picture } from './picture.js';
import { NAMESPACE, STREAM } from './reading.js';
import { Sensors } from './sensors.js';

const DRAW_EVERY_MS = 500;
const PATIENCE_MS = 60_000;

@Module({
  imports: [HydraModule.forRoot({ service: 'sensors', namespace: NAMESPACE })],
  providers: [Sensors],
})
class SensorsModule {}

const app = await NestFactory.createApplicationContext(SensorsModule, { logger: ['error', 'warn'] });
const streams = app.get(StreamService);
const sensors = app.get(Sensors);
const picture = new Picture();

/** Runs with this process's own flags, the TypeScript loader among them. */
async function startService(name: 'alarms' | 'archive'): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(`${name}.main.ts`, import.meta.url)));
  const failed = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it was ready`);
  });
  await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return child;
}

/** Draws for a while; ends before that once `isOver` says so. */
async function watch(ms: number, isOver: (behindNow: number) => boolean = () => false): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end; await sleep(DRAW_EVERY_MS)) {
    const info = await streams.info(STREAM);
    picture.draw(info);
    if (isOver(info.groups.reduce((sum, group) => sum + behind(group), 0))) return;
  }
}

const untilNobodyIsBehind = () => watch(PATIENCE_MS, (entries) => entries === 0);

// What an earlier run has left.
await streams.trim(STREAM, { maxLen: 0 });
const [alarms, archive] = await Promise.all([startService('alarms'), startService('archive')]);

picture.note('eight sensors publish; alarms handles each reading at once, archive stores them in batches');
sensors.start();
await watch(4_000);

picture.note(`kill -9 ${archive.pid}: archive is gone, and alarms does not notice`);
archive.kill('SIGKILL');
await watch(2_500);
let isBack = false;
const starting = startService('archive').finally(() => (isBack = true));
await watch(PATIENCE_MS, () => isBack);
const successor = await starting;

picture.note('archive is started again, and catches up');
await watch(3_000);

picture.note('the sensors stop');
await sensors.stop();
await untilNobodyIsBehind();

picture.note('alarms is given the whole history again');
await streams.replay(STREAM, 'alarms', 'beginning');
await untilNobodyIsBehind();

const { length, groups } = await streams.info(STREAM);
const isClean =
  length === sensors.published && groups.every((group) => behind(group) + group.deadLetters === 0);
picture.note(
  `${sensors.published} readings published; ${isClean ? 'both groups handled all' : 'not all were handled'}`,
);
for (const child of [alarms, successor]) {
  child.disconnect();
  await once(child, 'exit');
}
await app.close();
process.exitCode = isClean ? 0 : 1;
