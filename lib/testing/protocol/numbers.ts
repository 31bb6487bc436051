import { CommandError } from './reply.js';

const INTEGER = /^(0|-?[1-9]\d*)$/;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** As Redis reads an integer; undefined where it does not. */
export function parseBigInteger(text: string): bigint | undefined {
  if (text.length > 20 || !INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return value > MAX_INT64 || value < MIN_INT64 ? undefined : value;
}

/** Beyond 2^53 the last digits are not exact. */
export function parseInteger(text: string): number | undefined {
  if (text.length < 16) return INTEGER.test(text) ? Number(text) : undefined;
  const value = parseBigInteger(text);
  return value === undefined ? undefined : Number(value);
}

/** @throws CommandError where it is no integer */
export function integer(text: string, message = 'ERR value is not an integer or out of range'): number {
  const value = parseInteger(text);
  if (value === undefined) throw new CommandError(message);
  return value;
}

export function positive(text: string, message = 'ERR value is out of range, must be positive'): number {
  const value = parseInteger(text);
  if (value === undefined || value < 0) throw new CommandError(message);
  return value;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(inity)?$/i;

/** As strtod reads it, and nothing may be left over. */
export function parseFloating(text: string): number | undefined {
  const infinite = INFINITE.exec(text);
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity;
  if (/^[+-]?0x[\da-f]+$/i.test(text)) return Number(text.replace(/^[+-]/, '')) * (text[0] === '-' ? -1 : 1);
  return DECIMAL.test(text) ? Number(text) : undefined;
}

export function floating(text: string, message = 'ERR value is not a valid float'): number {
  const value = parseFloating(text);
  if (value === undefined) throw new CommandError(message);
  return value;
}

/** A score as Redis prints it: the shortest digits that are read back as the same number, after `%.17g`. */
export function formatDouble(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (Object.is(value, -0)) return '-0';
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return value.toFixed(0);
  return formatPrecision(value, 17);
}

/** C's `%.<digits>g`. */
export function formatPrecision(value: number, digits: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (Object.is(value, -0)) return '-0';
  if (value === 0) return '0';
  const [mantissa = '', exponentText = '0'] = value.toExponential(digits - 1).split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? '-' : '+';
    return `${trimZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return trimZeros(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** INCRBYFLOAT and HINCRBYFLOAT: 17 digits after the point, without zeros at the end. */
export function formatLongDouble(value: number): string {
  const text = Math.abs(value) < 1e21 && Math.abs(value) >= 1e-6 ? String(value) : value.toFixed(17);
  return trimZeros(text);
}
