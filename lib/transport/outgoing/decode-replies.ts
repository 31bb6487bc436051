import { Logger } from '@nestjs/common';
import type { WritePacket } from '@nestjs/microservices';

import { HydraError } from '../../hydra-error.js';
import type { PacketDeserializer } from '../../hydra-options.js';
import type { Clock } from '../../runtime/clock.js';
import { withTimeout } from '../../runtime/waiting.js';
import type { Codec } from '../wire/codec.js';
import type { CallRequest, Reply } from './outgoing-call.js';
import { HydraQueued } from './queue-fallback.js';

interface Deadline {
  readonly clock: Clock;
  /** By `clock.monotonic()`. */
  readonly deadlineAt: number;
}

/** Passes replies through the deserializer, in their order, within the time of the request. */
export function decodeReplies(
  { deserializer }: Codec,
  request: CallRequest,
  deadline: Deadline,
  reply: Reply,
): Reply {
  if (!deserializer) return reply;
  let last = Promise.resolve();
  return (packet) => {
    const decoded = async () =>
      isOwn(packet) ? packet : decodeReply(deserializer, request, deadline, packet);
    last = last.then(async () => void reply(await decoded())).catch(reportReply);
    return last;
  };
}

/** No serializer has seen these: a job's id, and errors of Hydra itself, of this side or the other. */
function isOwn({ err, response }: WritePacket): boolean {
  return err instanceof HydraError || response instanceof HydraQueued;
}

async function decodeReply(
  deserializer: PacketDeserializer,
  request: CallRequest,
  { clock, deadlineAt }: Deadline,
  packet: WritePacket,
): Promise<WritePacket> {
  const { pattern } = request;
  const leftMs = deadlineAt - clock.monotonic();
  try {
    const decoding = Promise.resolve(deserializer.deserialize(packet, { pattern }));
    const decoded = (await withTimeout(clock, decoding, leftMs, () => notDecodedError(request))) as
      WritePacket | null | undefined;
    return decoded ?? { err: noPacketError(pattern), isDisposed: true };
  } catch (err) {
    return { err, isDisposed: true };
  }
}

function notDecodedError({ pattern, timeoutMs }: CallRequest): HydraError {
  const what = `the deserializer was not done with the reply to "${pattern}"`;
  return new HydraError('TIMEOUT', `${what} within timeoutMs=${timeoutMs}`);
}

/** The next replies must not fall to one that its observer could not take. */
function reportReply(error: unknown): void {
  new Logger('Hydra').error(
    'a reply could not be taken',
    error instanceof Error ? error.stack : String(error),
  );
}

function noPacketError(pattern: string): HydraError {
  return new HydraError('BAD_PAYLOAD', `the deserializer returned no packet for the reply to "${pattern}"`, {
    mayHaveRun: true,
  });
}
