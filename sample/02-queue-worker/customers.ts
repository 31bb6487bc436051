import { Injectable } from '@nestjs/common';

/** Who lives where. A database in real life. */
@Injectable()
export class Customers {
  private readonly addresses = new Map([['ada', '12 St James Square, London']]);

  addressOf(name: string): string | undefined {
    return this.addresses.get(name);
  }

  setAddress(name: string, address: string): void {
    this.addresses.set(name, address);
  }
}
