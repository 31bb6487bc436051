import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';

import { HydraModule, HydraServer, StreamPattern, StreamService } from '../../support/hydra.js';
import { CONCURRENCY, type Peer, type Reading } from '../peer.js';

/** Two builds that are compared have a stream each. */
const SUFFIX = process.env['BENCH_SERVICE'] ? `-${process.env['BENCH_SERVICE']}` : '';

export function oursWith(name: string, orderBy?: string): Peer {
  const stream = `${name}${SUFFIX}`;
  const options = (redis: string) => ({ service: stream, redis });
  return {
    key: `hydra:stream:${stream}`,
    fields: ['hydra', '1', 'data', '%s'],
    group: stream,

    async consume(redisUrl, handle) {
      @Controller()
      class Readings {
        @StreamPattern(stream, { concurrency: CONCURRENCY, ...(orderBy !== undefined && { orderBy }) })
        take(@Payload() reading: Reading): void {
          handle(reading);
        }
      }
      @Module({ imports: [HydraModule.forRoot(options(redisUrl))], controllers: [Readings] })
      class ReadingsModule {}
      const app = await NestFactory.createMicroservice(ReadingsModule, {
        inject: [HydraServer],
        useFactory: (strategy: object) => ({ strategy: strategy as never }),
        logger: ['error'],
      });
      return app.listen();
    },

    async publish(redisUrl) {
      @Module({ imports: [HydraModule.forRoot(options(redisUrl))] })
      class PublisherModule {}
      const app = await NestFactory.createApplicationContext(PublisherModule, { logger: ['error'] });
      const streams = app.get(StreamService);
      return (reading) => streams.publish(stream, reading);
    },
  };
}

export const peer = oursWith('ours');
