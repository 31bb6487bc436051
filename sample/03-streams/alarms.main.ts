import { AlarmsController } from './alarms.controller.js';
import { startService } from './service.js';

void startService('alarms', AlarmsController);
