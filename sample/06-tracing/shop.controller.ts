import { Body, Controller, Post } from '@nestjs/common';
import { SpanKind, trace } from '@opentelemetry/api';
import { HydraClient, InjectClient } from 'nestjs-hydra';
import { firstValueFrom } from 'rxjs';

/** Takes orders over HTTP. */
@Controller('orders')
export class ShopController {
  constructor(@InjectClient('prices') private readonly prices: HydraClient) {}

  /** With OpenTelemetry's instrumentation of HTTP, this span would be there without a line. */
  @Post()
  order(@Body() { article }: { article: string }): Promise<unknown> {
    return trace
      .getTracer('shop')
      .startActiveSpan('POST /orders', { kind: SpanKind.SERVER }, async (span) => {
        try {
          return await firstValueFrom(this.prices.send('price', article));
        } finally {
          span.end();
        }
      });
  }
}
