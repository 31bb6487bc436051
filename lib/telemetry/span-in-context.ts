import type { Context, Span } from '@opentelemetry/api';

/** A context with a span in it. Unlike the one that the API makes, it copies no other value. */
export class SpanInContext implements Context {
  constructor(
    private readonly around: Context,
    private readonly key: symbol,
    private readonly span: Span,
  ) {}

  getValue(key: symbol): unknown {
    return key === this.key ? this.span : this.around.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.copied().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.copied().deleteValue(key);
  }

  private copied(): Context {
    return this.around.setValue(this.key, this.span);
  }
}
