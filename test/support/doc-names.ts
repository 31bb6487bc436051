/** What the examples of the pages use without showing it: other parts of the same application. */
import type { AsyncLocalStorage } from 'node:async_hooks';

import type { INestApplication, LoggerService } from '@nestjs/common';

import type {
  ConfigStore,
  DiscoveryService,
  HydraClient,
  HydraDoctor,
  HydraHttpClient,
  HydraMetrics,
  LiveConfig,
  QueueService,
  StreamService,
} from '../../lib/index.js';

export interface Order {
  readonly id: number;
  readonly customer: string;
}
export interface Receipt {
  readonly id: string;
}
export type Item = Order;
export type Price = number;
export type Invoice = Order;
export type Reading = Order;
export type Query = object;
export type Video = Order;
export type Row = Order;

/** What the classes of the examples have by their constructors. */
export interface Shown {
  readonly queue: QueueService;
  readonly streams: StreamService;
  readonly discovery: DiscoveryService;
  readonly configs: ConfigStore;
  readonly running: LiveConfig;
  readonly doctor: HydraDoctor;
  readonly http: HydraHttpClient;
  readonly metrics: HydraMetrics;
  readonly shop: HydraClient;
  readonly payments: HydraClient & {
    charge(order: Order, options?: { readonly idempotencyKey: string }): Promise<Charged>;
  };
  readonly prices: { find(item: Item, options: { readonly signal: AbortSignal }): Promise<Price> };
  readonly invoices: {
    write(order: Order, options: { readonly key: string; readonly signal: AbortSignal }): Promise<void>;
  };
  readonly pdf: { render(invoice: Invoice, options: { readonly signal: AbortSignal }): Promise<string> };
  readonly mails: { send(order: Order, receipt: Receipt): Promise<void> };
  readonly rows: { matching(query: Query): AsyncIterable<Row> };
  readonly db: { insertAll(readings: readonly Reading[]): Promise<readonly { readonly error?: Error }[]> };
  readonly encoder: { encode(video: Video): Promise<void> };
  readonly waiting: readonly unknown[];
  readonly isStalled: boolean;
  readonly stalledMs: number;
  readonly places: { read(): Promise<string | undefined>; write(eventId: string): Promise<void> };
  readAll(): Promise<void>;
  later(order: Order): Promise<void>;
}

type Charged = Receipt & {
  readonly status: number;
  readonly retryAfterMs: number;
  readonly receipt: Receipt;
};

export declare const client: HydraClient;
export declare const discovery: DiscoveryService;
export declare const configs: ConfigStore;
export declare const queue: QueueService;
export declare const order: Order;
export declare const item: Item;
export declare const invoice: Invoice;
export declare const video: Video;
export declare const customer: { readonly id: string };
export declare const job: { readonly id: string };
export declare const numbers: readonly number[];
export declare const instanceId: string;
export declare const zone: string;
export declare const id: string;
export declare const lastId: string;
export declare function use(what: unknown): void;
export declare function run(program: string, args: readonly string[], options: object): Promise<void>;
export declare function argsOf(video: Video): readonly string[];
export declare const app: INestApplication;
export declare class AppModule {
  readonly name: string;
}
export declare class PinoLogger implements LoggerService {
  log(message: unknown): void;
  error(message: unknown): void;
  warn(message: unknown): void;
}
export declare class Limits {
  readonly max: number;
}
export declare const histogram: { record(value: number | undefined, labels: object): void };
export declare const traces: AsyncLocalStorage<unknown>;
export declare function extract(headers: Readonly<Record<string, string>>): unknown;
export declare const tokens: { fetch(): Promise<{ readonly token: string; readonly expiresOn: number }> };
export declare function rolesOf(request: object): readonly string[];
export declare function userOf(request: object): { readonly name: string };
export declare class AuthModule {
  readonly name: string;
}
export declare class AuthService {
  accessOf(request: object): 'none' | 'read' | 'write';
}
