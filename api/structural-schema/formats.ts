/**
 * The formats a schema's strings can have, by name. A format nobody knows is no restriction, as upstream has it.
 * Source: k8s.io/kube-openapi, pkg/validation/strfmt, and Kubernetes' own short and long names.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../meta/names.ts';
import { normalizeTime } from '../meta/time.ts';

/** Whether the text is in that format. */
export function isInFormat(format: string, text: string): boolean {
  return formats.get(format)?.(text) ?? true;
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const uuid3 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const uuid4 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i;
const uuid5 = /^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const goDuration = /^[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/;
const wordyDuration = /^\d+\s*(nanoseconds?|microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|ns|us|ms|s|m|h|d|w)$/i;
const hostnameLabel = /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/;
const email = /^[^\s@<>()[\],;:"\\]+@[^\s@<>()[\],;:"\\]+$/;
const mac = /^([0-9a-f]{2}([:-]))([0-9a-f]{2}\2){4}([0-9a-f]{2}\2){0,2}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2,3}[0-9a-f]{4}$/i;
const HOSTNAME_CHARACTERS_MAX = 255;

const formats: ReadonlyMap<string, (text: string) => boolean> = new Map<string, (text: string) => boolean>([
  ['date-time', (text) => normalizeTime(text, 'micro-time') !== undefined],
  ['datetime', (text) => normalizeTime(text, 'micro-time') !== undefined],
  ['date', (text) => isDate(text)],
  ['duration', (text) => goDuration.test(text) || wordyDuration.test(text)],
  ['byte', (text) => base64.test(text) && text.length % 4 === 0],
  ['uuid', (text) => uuid.test(text)],
  ['uuid3', (text) => uuid3.test(text)],
  ['uuid4', (text) => uuid4.test(text)],
  ['uuid5', (text) => uuid5.test(text)],
  ['email', (text) => email.test(text)],
  ['hostname', (text) => isHostname(text)],
  ['ipv4', (text) => isIPv4(text)],
  ['ipv6', (text) => isIPv6(text)],
  ['cidr', (text) => isCidr(text)],
  ['mac', (text) => mac.test(text)],
  ['uri', (text) => isUri(text)],
  ['hexcolor', (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text)],
  ['bsonobjectid', (text) => /^[0-9a-f]{24}$/i.test(text)],
  ['ssn', (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['k8s-short-name', (text) => dns1123LabelProblems(text).length === 0],
  ['k8s-long-name', (text) => dns1123SubdomainProblems(text).length === 0],
]);

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && normalizeTime(`${text}T00:00:00Z`, 'time')?.startsWith(text) === true;
}

function isHostname(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  return text.length <= HOSTNAME_CHARACTERS_MAX && labels.every((label) => hostnameLabel.test(label));
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const bitsMax = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax;
}

/** Absolute, or a path from the root. */
function isUri(text: string): boolean {
  return !/[\s<>"{}|\\^`]/.test(text) && (text.startsWith('/') || /^[a-z][a-z0-9+.-]*:./i.test(text));
}
