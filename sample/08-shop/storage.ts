import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';

/** Where the services keep their own data. In this sample that is Redis too; it could be any database. */
@Injectable()
export class Storage extends Redis implements OnApplicationShutdown {
  constructor() {
    super(process.env['HYDRA_REDIS_URL'] ?? 'redis://127.0.0.1:6379', { keyPrefix: 'shop:' });
  }

  /** Nest closes providers after the handlers have ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.quit();
  }
}
