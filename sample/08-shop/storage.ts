import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';

/** Where the services keep their own data. In this sample that is Redis too; it could be any database. */
@Injectable()
export class Storage extends Redis implements OnApplicationShutdown {
  constructor() {
    super(process.env['HYDRA_REDIS_URL'] ?? 'redis://127.0.0.1:6379', { keyPrefix: 'shop:' });
  }

  /** After the handlers have ended. It waits for nothing: a QUIT would wait for a Redis that is away. */
  onApplicationShutdown(): void {
    this.disconnect();
  }
}
