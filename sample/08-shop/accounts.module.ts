import { Module } from '@nestjs/common';

import { AccountsController } from './accounts.controller.js';
import { ProbesController } from './probes.controller.js';
import { inShop } from './service.js';
import { Storage } from './storage.js';

@Module({
  imports: inShop('accounts'),
  controllers: [AccountsController, ProbesController],
  providers: [Storage],
})
export class AccountsModule {}
