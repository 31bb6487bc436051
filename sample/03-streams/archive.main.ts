import { ArchiveController } from './archive.controller.js';
import { startService } from './service.js';

await startService('archive', ArchiveController);
