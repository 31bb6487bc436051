import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { HydraModule, QueueService } from '../../lib/index.js';

/** Follows many queues at once, as a gateway does that waits for the jobs of many services. */
const { REDIS_URL = '', SERVICE = '', QUEUES = '' } = process.env;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
process.on('warning', ({ name, message }) => say({ warning: `${name}: ${message}` }));

@Module({ imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS_URL })] })
class GatewayModule {}

const app = await NestFactory.createApplicationContext(GatewayModule, { logger: ['error', 'warn'] });
const queue = app.get(QueueService);
for (let number = 0; number < Number(QUEUES); number++) {
  queue.events({ service: `${SERVICE}-${number}` }).subscribe((event) => say({ event, number }));
}
say({ ready: true });
