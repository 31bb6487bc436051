import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { StreamPattern } from 'nestjs-hydra';

@Controller()
export class ArchiveController {
  readonly kept: object[] = [];

  /** An entry of a stream. */
  @StreamPattern('sales', { from: 'beginning' })
  sale(@Payload() sold: object): void {
    this.kept.push(sold);
  }
}
