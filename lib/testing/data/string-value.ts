import { Value } from './value.js';

export class StringValue extends Value {
  readonly type = 'string';
  readonly isEmpty = false;
  private current = '';

  constructor(text: string) {
    super();
    this.text = text;
  }

  get text(): string {
    return this.current;
  }

  set text(text: string) {
    this.grow(text.length - this.current.length);
    this.current = text;
  }

  copy(): StringValue {
    return new StringValue(this.current);
  }
}
