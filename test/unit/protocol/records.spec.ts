import { describe, expect, it } from '@jest/globals';
import {
  decodeHealth,
  decodeLogEntry,
  decodeNode,
  decodeService,
  encodeHealth,
  encodeLogEntry,
  encodeNode,
  encodeService,
} from '../../../lib/protocol/records.js';
import type { InstanceCapabilities, NodeRecord } from '../../../lib/protocol/records.js';
import { vectors } from './vectors.js';

interface Stored {
  value: string;
}

const recorded = vectors<{
  service: Stored;
  nodeWithConfiguredPort: Stored;
  nodeWithChosenPort: Stored;
  health: Stored;
  log: { newestFirst: string[] };
}>('records');

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('did not decode');
  return value;
}

const nodeWith = (members: object) =>
  decodeNode(JSON.stringify({ serviceName: 'math', instanceID: 'a1', ...members }));

describe('a service record', () => {
  it("has hydra's bytes", () => {
    const record = required(decodeService(recorded.service.value));
    expect(record).toEqual({ service: 'alpha', type: 'test', registeredOn: '2000-01-01T00:00:00.000Z' });
    expect(encodeService(record)).toBe(recorded.service.value);
  });

  it('keeps the difference between an empty type and none', () => {
    expect(decodeService('{"serviceName":"a","type":""}')).toHaveProperty('type', '');
    expect(decodeService('{"serviceName":"a"}')).not.toHaveProperty('type');
    expect(encodeService({ service: 'a', registeredOn: 't' })).toBe('{"serviceName":"a","registeredOn":"t"}');
  });
});

describe('a node record', () => {
  it("has hydra's bytes for a configured port", () => {
    const record = required(decodeNode(recorded.nodeWithConfiguredPort.value));
    expect(record).toEqual({
      id: '00000000000000000000000000000001',
      service: 'alpha',
      description: 'the Alpha service',
      version: '1.2.3',
      updatedOn: '2000-01-01T00:00:00.000Z',
      pid: 4321,
      host: '127.0.0.1',
      port: 7811,
      hostName: 'host',
    });
    expect(encodeNode(record)).toBe(recorded.nodeWithConfiguredPort.value);
  });

  it('takes the number hydra writes for a port it chose, and writes a string', () => {
    const text = recorded.nodeWithChosenPort.value;
    expect(text).toContain('"port":40000');
    expect(encodeNode(required(decodeNode(text)))).toBe(text.replace('"port":40000', '"port":"40000"'));
  });

  it.each([undefined, null, '', 'x', 0, -1, 65_536, 1.5, '1e9', {}, true])('has port 0 for %p', (port) => {
    expect(nodeWith({ port })?.port).toBe(0);
  });

  it("carries this library's capabilities behind hydra's members", () => {
    const capabilities: InstanceCapabilities = {
      wireVersion: 1,
      acceptsCalls: true,
      tags: ['eu'],
      metadata: { zone: 'a' },
      routes: 2,
      config: '1.2.0',
      draining: true,
    };
    const record: NodeRecord = {
      ...required(decodeNode(recorded.nodeWithConfiguredPort.value)),
      capabilities,
    };
    const { wireVersion: _, acceptsCalls: __, ...rest } = capabilities;
    const text = encodeNode(record);
    expect(text).toBe(
      recorded.nodeWithConfiguredPort.value.replace(
        /\}$/,
        `,"nest":${JSON.stringify({ wire: 1, serves: true, ...rest })}}`,
      ),
    );
    expect(decodeNode(text)).toEqual(record);
  });

  it('keeps of foreign capabilities only what has the right type', () => {
    const nest = {
      wire: 1,
      serves: 'yes',
      epoch: '3',
      tags: ['a', 1],
      metadata: { a: 'b', c: {} },
      draining: 1,
    };
    expect(nodeWith({ nest })?.capabilities).toEqual({
      wireVersion: 1,
      acceptsCalls: false,
      tags: ['a'],
      metadata: { a: 'b' },
    });
  });

  it.each([1, 'x', [], {}, { wire: '1' }, null])('has no capabilities for %j', (nest) => {
    expect(nodeWith({ nest })).not.toHaveProperty('capabilities');
  });

  it.each([
    null,
    '',
    '5',
    '[]',
    'null',
    '{}',
    '{"serviceName":"a"}',
    '{"instanceID":"a"}',
    '{"serviceName":"","instanceID":"a"}',
    '{"serviceName":5,"instanceID":"a"}',
  ])('is nothing for %p', (text) => {
    expect(decodeNode(text)).toBeUndefined();
    expect(decodeHealth(text)).toBeUndefined();
  });
});

describe('a health record', () => {
  it("has hydra's bytes", () => {
    const record = required(decodeHealth(recorded.health.value));
    expect(record).toMatchObject({
      service: 'alpha',
      pid: 4321,
      memory: { rss: 1_000_000 },
      uptimeSeconds: 5.25,
    });
    expect(encodeHealth(record)).toBe(recorded.health.value);
  });
});

describe('a log entry', () => {
  it.each(recorded.log.newestFirst)("has hydra's bytes, with the text again as `message`: %s", (text) => {
    const { msg } = JSON.parse(text) as { msg: unknown };
    const entry = required(decodeLogEntry(text));
    expect(entry).toMatchObject({ service: 'alpha', pid: 4321, message: msg });
    expect(encodeLogEntry(entry)).toBe(text.replace(/\}$/, `,"message":${JSON.stringify(msg)}}`));
  });

  it('is also read when only `message` is there', () => {
    expect(decodeLogEntry('{"message":"hi"}')?.message).toBe('hi');
  });
});
