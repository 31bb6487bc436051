#!/usr/bin/env node
import { Logger } from '@nestjs/common';

import { runProgram } from './program.js';

// The logs of connections belong to the output of a service, and not to that of a command.
Logger.overrideLogger(false);
// The reader of the output may close it: `logs --follow | head`.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
process.exitCode = await runProgram(process.argv.slice(2));
