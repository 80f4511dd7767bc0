/**
 * Named formats in expressions: `format.dns1123Label().validate(name)` tells what is wrong with a text, nothing if it is right. Source: k8s.io/apiserver,
 * pkg/cel/library/format.go.
 */
import { Optional } from '@marcbachmann/cel-js';
import {
  dns1035LabelProblems,
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  labelValueProblems,
  type NameRule,
  qualifiedNameProblems,
} from '../meta/names.ts';
import { isInFormat } from '../structural-schema/formats.ts';
import { type Library, withFunctions, withNamespace } from './library.ts';

class NamedFormat {
  readonly problemsOf: NameRule;
  constructor(problemsOf: NameRule) {
    this.problemsOf = problemsOf;
  }
}

/** A prefix may end in what a generated rest goes on after. */
const prefix =
  (rule: NameRule): NameRule =>
  (text) =>
    rule(text.replace(/-$/, 'a'));

const inFormat =
  (name: string, problem: string): NameRule =>
  (text) =>
    isInFormat(name, text) ? [] : [problem];

const named: ReadonlyMap<string, NamedFormat> = new Map(
  Object.entries<NameRule>({
    dns1123Label: dns1123LabelProblems,
    dns1123Subdomain: dns1123SubdomainProblems,
    dns1035Label: dns1035LabelProblems,
    qualifiedName: qualifiedNameProblems,
    dns1123LabelPrefix: prefix(dns1123LabelProblems),
    dns1123SubdomainPrefix: prefix(dns1123SubdomainProblems),
    dns1035LabelPrefix: prefix(dns1035LabelProblems),
    labelValue: labelValueProblems,
    uri: inFormat('uri', 'invalid URI'),
    uuid: inFormat('uuid', 'does not match the UUID format'),
    byte: inFormat('byte', 'invalid base64'),
    date: inFormat('date', 'invalid date'),
    datetime: inFormat('datetime', 'invalid datetime'),
  }).map(([name, rule]) => [name, new NamedFormat(rule)]),
);

export const formats: Library = (environment) =>
  withFunctions(withNamespace(environment.registerType('kubernetes.NamedFormat', NamedFormat), 'format', 'FormatNamespace'), {
    'FormatNamespace.named(string): optional<kubernetes.NamedFormat>': (_format: unknown, name: string) => Optional.of(named.get(name)),
    ...Object.fromEntries([...named].map(([name, format]) => [`FormatNamespace.${name}(): kubernetes.NamedFormat`, () => format])),
    'kubernetes.NamedFormat.validate(string): optional<list<string>>': ({ problemsOf }: NamedFormat, text: string) => {
      const problems = problemsOf(text);
      return problems.length === 0 ? Optional.none() : Optional.of([...problems]);
    },
  });
