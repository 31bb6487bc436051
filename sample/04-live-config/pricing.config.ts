import { IsIn, IsInt, Max, Min } from 'class-validator';

/** The `pricing` part of the service's stored configuration. What is not like this is refused, and the last good one stays. */
export class PricingConfig {
  /** In percent. */
  @IsInt()
  @Min(0)
  @Max(50)
  discount!: number;

  @IsIn(['EUR', 'USD'])
  currency = 'EUR';
}
