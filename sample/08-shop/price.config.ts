import { IsInt, Max, Min } from 'class-validator';

/** The part `prices` of the stored configuration of `catalog`. */
export class PriceConfig {
  /** In percent. */
  @IsInt()
  @Min(0)
  @Max(50)
  discount!: number;
}
