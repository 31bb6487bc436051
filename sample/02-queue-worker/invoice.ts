import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsInt, IsNotEmpty, IsString, Min, ValidateNested } from 'class-validator';

export class InvoiceLine {
  @IsString()
  text!: string;

  @IsInt()
  cents!: number;
}

/** What a job `invoice.pdf` carries. Checked where it is added, and again where it is handled. */
export class Invoice {
  @IsInt()
  @Min(1)
  number!: number;

  @IsString()
  @IsNotEmpty()
  customer!: string;

  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @Type(() => InvoiceLine)
  lines!: InvoiceLine[];
}

/** What the job returns. */
export interface RenderedInvoice {
  readonly file: string;
  readonly totalCents: number;
  /** Which attempt it took. */
  readonly attempt: number;
}

/** The job's id: while it is taken, an invoice is not rendered twice. */
export const jobIdOf = (invoiceNumber: number): string => `invoice-${invoiceNumber}`;
