/** PodTemplates, as the API server serves them: a template under a name. */
import { applyPodTemplateDefaults, validatePodTemplate } from '#api/core/v1/pod-template.ts';
import { podtemplates as type } from '#api/generated/resources.ts';
import type { PodTemplate } from '#api/generated/types.ts';
import { formatLabels } from '#api/meta/label-selector.ts';
import { dns1123SubdomainProblems } from '#api/meta/names.ts';
import { validateObjectMeta } from '#api/meta/validation.ts';
import { containerImages, containerNames, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const containersOf = ({ template }: PodTemplate) => template?.spec?.containers ?? [];

export const podtemplates = defineResource<PodTemplate>(type, {
  columns: [
    nameColumn,
    textColumn('Containers', 'Names of the containers.', (podTemplate) => containerNames(containersOf(podTemplate))),
    textColumn('Images', 'Images of the containers.', (podTemplate) => containerImages(containersOf(podTemplate))),
    textColumn('Pod Labels', 'Labels of the pods.', ({ template }) => formatLabels(template?.metadata?.labels)),
  ],
  applyDefaults: (podTemplate) => ({ ...podTemplate, template: applyPodTemplateDefaults(podTemplate.template ?? {}) }),
  validate: ({ metadata, template }) => [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validatePodTemplate(template ?? {}, 'template'),
  ],
  countedPart: ({ template }) => template,
});
