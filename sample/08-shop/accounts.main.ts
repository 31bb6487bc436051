import { AccountsModule } from './accounts.module.js';
import { start } from './service.js';

void start(AccountsModule, 0);
