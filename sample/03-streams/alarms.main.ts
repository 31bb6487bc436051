import { AlarmsController } from './alarms.controller.js';
import { startService } from './service.js';

await startService('alarms', AlarmsController);
