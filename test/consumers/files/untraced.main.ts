import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraTelemetryModule } from 'nestjs-hydra/telemetry';

@Module({ imports: [HydraTelemetryModule.forRoot()] })
class UntracedModule {}

/** What an application is told that has not installed OpenTelemetry. */
async function main(): Promise<void> {
  const options = { logger: false, abortOnError: false } as const;
  await NestFactory.createApplicationContext(UntracedModule, options).then(
    (app) => app.close(),
    (error: Error) => console.log(JSON.stringify({ refused: error.message })),
  );
}

void main();
