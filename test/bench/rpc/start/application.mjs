/**
 * A whole application in plain JavaScript, as it is deployed: it serves a handler, calls it, prints the answer, and ends.
 * `node application.mjs <hydra|redis> <redis url>`
 */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

const [kind, redisUrl] = process.argv.slice(2);
const SERVICE = 'bench-start';

class MathController {
  sum(numbers) {
    return numbers.reduce((total, number) => total + number, 0);
  }
}
const { prototype } = MathController;
MessagePattern('sum')(prototype, 'sum', Object.getOwnPropertyDescriptor(prototype, 'sum'));
Controller()(MathController);

const WAYS = {
  async hydra() {
    const { HydraClient, HydraModule, HydraServer } = await import('../../../../dist/index.js');
    return {
      imports: [HydraModule.forRoot({ service: SERVICE, redis: redisUrl })],
      options: { inject: [HydraServer], useFactory: (strategy) => ({ strategy }) },
      client: () => new HydraClient({ service: SERVICE, redis: redisUrl }),
    };
  },
  async redis() {
    const { hostname: host, port } = new URL(redisUrl);
    const options = { transport: Transport.REDIS, options: { host, port: Number(port) } };
    return { imports: [], options, client: () => ClientProxyFactory.create(options) };
  },
};

const { imports, options, client: createClient } = await WAYS[kind]();
function AppModule() {}
Module({ imports, controllers: [MathController] })(AppModule);
const app = await NestFactory.createMicroservice(AppModule, { ...options, logger: ['error'] });
await app.listen();
const client = createClient();
await client.connect();
process.stdout.write(`${await firstValueFrom(client.send('sum', [1, 2, 3]))}\n`);
await client.close();
await app.close();
