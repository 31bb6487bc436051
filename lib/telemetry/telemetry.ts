/** `nestjs-hydra/telemetry`: OpenTelemetry. */
export {
  HydraTelemetryModule,
  type HydraTelemetryOptions,
  type HydraTraceOptions,
} from './hydra-telemetry-module.js';
