import { ArchiveController } from './archive.controller.js';
import { startService } from './service.js';

void startService('archive', ArchiveController);
