import { Injectable } from '@nestjs/common';

/** Somebody else's service, with somebody else's troubles: every other question goes unanswered. */
@Injectable()
export class TaxOffice {
  private questions = 0;

  rate(): Promise<number> {
    if (this.questions++ % 2 === 0) return Promise.reject(new Error('the tax office does not answer'));
    return Promise.resolve(0.19);
  }
}
