import type { Context, Span } from '@opentelemetry/api';

/** The context of a sender whose span was not sampled: that span is made when it is asked for. */
export class UnsampledContext implements Context {
  private span: Span | undefined;

  constructor(
    private readonly root: Context,
    private readonly key: symbol,
    private readonly toSpan: () => Span,
  ) {}

  getValue(key: symbol): unknown {
    return key === this.key ? (this.span ??= this.toSpan()) : this.root.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.copied().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.copied().deleteValue(key);
  }

  private copied(): Context {
    return this.root.setValue(this.key, this.getValue(this.key));
  }
}
