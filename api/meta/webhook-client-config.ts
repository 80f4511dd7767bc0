/**
 * Where a webhook is: a URL, or a Service of the cluster. Shared by the kinds that name webhooks: admission configurations and CustomResourceDefinitions.
 * Source: k8s.io/apiserver, pkg/util/webhook/validation.go.
 */
import { invalidValue, required } from './field-path.ts';
import { dns1035LabelProblems, dns1123SubdomainProblems, portNumberProblems } from './names.ts';
import type { FieldProblem } from './status.ts';

export interface WebhookService {
  readonly name: string;
  readonly namespace: string;
  readonly path?: string;
  readonly port?: number;
}

export interface WebhookClientConfig {
  /** PEM in base64. */
  readonly caBundle?: string;
  readonly service?: WebhookService;
  readonly url?: string;
}

export const WEBHOOK_PORT_DEFAULT = 443;

/** Versions of reviews that are understood: of AdmissionReview and of ConversionReview. */
export const REVIEW_VERSIONS = ['v1', 'v1beta1'] as const;

const URL_FORM = '; desired format: https://host[/path]';

export function applyClientConfigDefaults(config: WebhookClientConfig): WebhookClientConfig {
  const { service } = config;
  return service === undefined ? config : { ...config, service: { ...service, port: service.port ?? WEBHOOK_PORT_DEFAULT } };
}

export function validateClientConfig(config: WebhookClientConfig | undefined, field: string): readonly FieldProblem[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) return [required(field, 'exactly one of url or service is required')];
  if (url !== undefined) return urlProblems(url, `${field}.url`);
  return service === undefined ? [] : serviceProblems(service, `${field}.service`);
}

/** `emptyDetail` is what is said when there are none. */
export function validateReviewVersions(versions: readonly string[], field: string, emptyDetail: string): readonly FieldProblem[] {
  if (versions.length === 0) return [required(field, emptyDetail)];
  const problems = versions.flatMap((version, index) => {
    if (versions.indexOf(version) < index) return [invalidValue(`${field}[${index}]`, version, 'duplicate version')];
    return dns1035LabelProblems(version).map((problem) => invalidValue(`${field}[${index}]`, version, problem));
  });
  const isKnown = versions.some((version) => REVIEW_VERSIONS.some((known) => known === version));
  return isKnown ? problems : [...problems, invalidValue(field, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)];
}

/** What Go's URLs are and JavaScript's are not is of no use to anybody here. */
function urlProblems(text: string, field: string): readonly FieldProblem[] {
  const [, scheme = '', host = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?/.exec(text) ?? [];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const problems: FieldProblem[] = [];
  if (scheme !== 'https') problems.push(invalidValue(field, scheme, `'https' is the only allowed URL scheme${URL_FORM}`));
  const bare = host.slice(host.lastIndexOf('@') + 1);
  if (bare === '') problems.push(invalidValue(field, bare, `host must be provided${URL_FORM}`));
  if (host.includes('@'))
    problems.push(invalidValue(field, host.slice(0, host.lastIndexOf('@')), 'user information is not permitted in the URL'));
  if (url === undefined) {
    if (problems.length === 0)
      problems.push(required(field, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URL${URL_FORM}`));
    return problems;
  }
  if (url.hash.length > 1) problems.push(invalidValue(field, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search.length > 1) problems.push(invalidValue(field, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return problems;
}

function serviceProblems({ name, namespace, path, port = WEBHOOK_PORT_DEFAULT }: WebhookService, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if ((name ?? '') === '') problems.push(required(`${field}.name`, 'service name is required'));
  if ((namespace ?? '') === '') problems.push(required(`${field}.namespace`, 'service namespace is required'));
  const portProblems = portNumberProblems(port);
  if (portProblems.length > 0) problems.push(invalidValue(`${field}.port`, port, `port is not valid: ${portProblems.join(', ')}`));
  return path === undefined ? problems : [...problems, ...pathProblems(path, `${field}.path`)];
}

function pathProblems(path: string, field: string): readonly FieldProblem[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalidValue(field, path, 'segment[0] may not be empty')];
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  return [
    ...(path.startsWith('/') ? [] : [invalidValue(field, path, "must start with a '/'")]),
    ...segments.flatMap((segment, index) => {
      if (segment === '') return [invalidValue(field, path, `segment[${index}] may not be empty`)];
      return dns1123SubdomainProblems(segment).map((problem) => invalidValue(field, path, `segment[${index}]: ${problem}`));
    }),
  ];
}
