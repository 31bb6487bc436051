#!/usr/bin/env node
import { Logger } from '@nestjs/common';

import { runProgram } from './program.js';

// What the connections log belongs to a service's output, not to a command's.
Logger.overrideLogger(false);
process.exitCode = await runProgram(process.argv.slice(2));
