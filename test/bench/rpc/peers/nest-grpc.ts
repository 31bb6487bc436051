import { fileURLToPath } from 'node:url';

import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientProxyFactory, GrpcMethod, Transport } from '@nestjs/microservices';
import { firstValueFrom, type Observable } from 'rxjs';

import { sum, type Body, type Peer, type Place } from '../peer.js';

const transport = ({ grpcPort }: Place) => ({
  transport: Transport.GRPC as const,
  options: {
    package: 'math',
    protoPath: fileURLToPath(new URL('math.proto', import.meta.url)),
    url: `127.0.0.1:${grpcPort}`,
  },
});

/** What the generated client looks like. */
interface MathService {
  sum(numbers: { values: readonly number[] }): Observable<{ value: number }>;
  echo(body: Body): Observable<Body>;
}

@Controller()
class GrpcController {
  @GrpcMethod('Math', 'Sum')
  sum({ values }: { values: number[] }): { value: number } {
    return { value: sum(values) };
  }

  @GrpcMethod('Math', 'Echo')
  echo(body: Body): Body {
    return body;
  }
}

@Module({ controllers: [GrpcController] })
class GrpcModule {}

/** gRPC has methods and messages of its own, so neither the handlers nor the client of the other transports serve here. */
export const peer: Peer = {
  async serve(place) {
    const app = await NestFactory.createMicroservice(GrpcModule, { ...transport(place), logger: ['error'] });
    await app.listen();
  },
  connect(place) {
    const client = ClientProxyFactory.create(transport(place));
    const math = client.getService<MathService>('Math');
    return Promise.resolve({
      sum: async (values) => (await firstValueFrom(math.sum({ values }))).value,
      echo: (body) => firstValueFrom(math.echo(body)),
    });
  },
};
