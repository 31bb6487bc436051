import { IsInt, IsNotEmpty, IsString, Max, Min } from 'class-validator';

/** The stream of everything that left the warehouse. */
export const PARCELS = 'parcels';

/** What a customer sends. Checked by the gateway. */
export class OrderRequest {
  @IsString()
  @IsNotEmpty()
  customer!: string;

  @IsString()
  @IsNotEmpty()
  article!: string;

  @IsInt()
  @Min(1)
  @Max(100)
  count!: number;
}

export interface Article {
  readonly name: string;
  /** With the discount of this moment. */
  readonly cents: number;
  readonly inStock: number;
}

/** The answer to `quote`. */
export interface Quote {
  readonly totalCents: number;
}

/** What a job `pack` carries. */
export interface Order extends OrderRequest, Quote {
  readonly id: string;
}

/** What a job `pack` reports while it runs, for the browser. */
export interface Packing {
  readonly step: 'picking' | 'packing';
  readonly percent: number;
}

/** What the job returns, and what the stream holds: one entry for each order. */
export interface Parcel extends Order {
  readonly parcel: string;
}
