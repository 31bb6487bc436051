#!/usr/bin/env node
import { Logger } from '@nestjs/common';

import { runProgram } from './program.js';

// What the connections log belongs to a service's output, not to a command's.
Logger.overrideLogger(false);
// Whoever reads the output may have enough of it: `logs --follow | head`.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
process.exitCode = await runProgram(process.argv.slice(2));
