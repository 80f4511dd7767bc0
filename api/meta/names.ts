/**
 * The grammars of names: what may be called what. Each function takes a text and gives what is wrong with it, in upstream's words; an
 * empty list means that it is right. They serve object names, label keys and values, ports, environment variables and keys of data.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and apimachinery's validation messages.
 */

export type NameRule = (text: string) => readonly string[];

/** One label of a host name (RFC 1123, RFC 1035). */
const LABEL_CHARACTERS_MAX = 63;
/** A whole host name. */
const SUBDOMAIN_CHARACTERS_MAX = 253;
/** Port names are IANA service names (RFC 6335). */
const PORT_NAME_CHARACTERS_MAX = 15;

const LABEL_1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN_1123 = `${LABEL_1123}(\\.${LABEL_1123})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const WILDCARD_SUBDOMAIN = `\\*\\.${SUBDOMAIN_1123}`;
const QUALIFIED_PART = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const DATA_KEY = '[-._a-zA-Z0-9]+';
const PATH_SEGMENT_FORBIDDEN = ['/', '%'] as const;

const label1123 = new RegExp(`^${LABEL_1123}$`);
const subdomain1123 = new RegExp(`^${SUBDOMAIN_1123}$`);
const label1035 = new RegExp(`^${LABEL_1035}$`);
const wildcardSubdomain = new RegExp(`^${WILDCARD_SUBDOMAIN}$`);
const qualifiedPart = new RegExp(`^${QUALIFIED_PART}$`);
const labelValue = new RegExp(`^(${QUALIFIED_PART})?$`);
const dataKey = new RegExp(`^${DATA_KEY}$`);

export function maxLengthMessage(bytesMax: number): string {
  return `must be no more than ${bytesMax} bytes`;
}

export function inclusiveRangeMessage(min: number, max: number): string {
  return `must be between ${min} and ${max}, inclusive`;
}

/** The odd spacing between examples is upstream's, and tools have learnt it. */
export function grammarMessage(message: string, grammar: string, ...examples: readonly string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${grammar}')`;
  return `${message} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${grammar}')`;
}

export const dns1123LabelProblems: NameRule = (text) => {
  const problems = text.length > LABEL_CHARACTERS_MAX ? [maxLengthMessage(LABEL_CHARACTERS_MAX)] : [];
  if (label1123.test(text)) return problems;
  if (subdomain1123.test(text)) return [...problems, 'must not contain dots'];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, grammarMessage(message, LABEL_1123, 'my-name', '123-abc')];
};

export const dns1123SubdomainProblems: NameRule = (text) => {
  const problems = text.length > SUBDOMAIN_CHARACTERS_MAX ? [maxLengthMessage(SUBDOMAIN_CHARACTERS_MAX)] : [];
  if (subdomain1123.test(text)) return problems;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, grammarMessage(message, SUBDOMAIN_1123, 'example.com')];
};

export const dns1035LabelProblems: NameRule = (text) => {
  const problems = text.length > LABEL_CHARACTERS_MAX ? [maxLengthMessage(LABEL_CHARACTERS_MAX)] : [];
  if (label1035.test(text)) return problems;
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...problems, grammarMessage(message, LABEL_1035, 'my-name', 'abc-123')];
};

/** For names that are free but must fit one segment of a path: roles and their bindings. */
export const pathSegmentProblems: NameRule = (text) => {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return PATH_SEGMENT_FORBIDDEN.filter((part) => text.includes(part)).map((part) => `may not contain '${part}'`);
};

/** `app` or `example.com/app`: keys of labels, annotations and taints, finalizers, resource names. */
export const qualifiedNameProblems: NameRule = (text) => {
  const message = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const examples = ['MyName', 'my.name', '123-abc'];
  const parts = text.split('/');
  if (parts.length > 2) {
    const whole = grammarMessage(message, QUALIFIED_PART, ...examples);
    return [`a qualified name ${whole} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  const [prefix, name = ''] = parts.length === 2 ? parts : [undefined, text];
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined) problems.push(...dns1123SubdomainProblems(prefix).map((problem) => `prefix part ${problem}`));
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > LABEL_CHARACTERS_MAX) problems.push(`name part ${maxLengthMessage(LABEL_CHARACTERS_MAX)}`);
  if (!qualifiedPart.test(name)) problems.push(`name part ${grammarMessage(message, QUALIFIED_PART, ...examples)}`);
  return problems;
};

/** `*.example.com`: hosts of ingresses. */
export const wildcardSubdomainProblems: NameRule = (text) => {
  const problems = text.length > SUBDOMAIN_CHARACTERS_MAX ? [maxLengthMessage(SUBDOMAIN_CHARACTERS_MAX)] : [];
  if (wildcardSubdomain.test(text)) return problems;
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [...problems, grammarMessage(message, WILDCARD_SUBDOMAIN, '*.example.com')];
};

export const labelValueProblems: NameRule = (text) => {
  const problems = text.length > LABEL_CHARACTERS_MAX ? [maxLengthMessage(LABEL_CHARACTERS_MAX)] : [];
  if (labelValue.test(text)) return problems;
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...problems, grammarMessage(message, `(${QUALIFIED_PART})?`, 'MyValue', 'my_value', '12345')];
};

/** Keys of ConfigMaps and Secrets, which become file names. */
export const dataKeyProblems: NameRule = (text) => {
  const problems = text.length > SUBDOMAIN_CHARACTERS_MAX ? [maxLengthMessage(SUBDOMAIN_CHARACTERS_MAX)] : [];
  if (!dataKey.test(text)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(grammarMessage(message, DATA_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (text === '.') problems.push("must not be '.'");
  else if (text === '..') problems.push("must not be '..'");
  else if (text.startsWith('..')) problems.push("must not start with '..'");
  return problems;
};

export const portNameProblems: NameRule = (text) => {
  const problems = text.length > PORT_NAME_CHARACTERS_MAX ? [maxLengthMessage(PORT_NAME_CHARACTERS_MAX)] : [];
  if (!/^[-a-z0-9]+$/.test(text)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)');
  if (text.includes('--')) problems.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
};

/** Any printable ASCII except `=`, as since Kubernetes 1.34. */
export const environmentNameProblems: NameRule = (text) => {
  if (text === '') return ['environment variable name must be non-empty'];
  if (/^[\x20-\x3c\x3e-\x7e]*$/.test(text)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

export function portNumberProblems(port: number): readonly string[] {
  return port >= 1 && port <= 65_535 ? [] : [inclusiveRangeMessage(1, 65_535)];
}
