/** VolumeAttachments, as the API server serves them. */
import { applyVolumeSpecDefaults } from '#api/core/v1/persistent-volume.ts';
import { volumeattachments as type } from '#api/generated/resources.ts';
import type { VolumeAttachment } from '#api/generated/types.ts';
import { validateVolumeAttachment, validateVolumeAttachmentUpdate } from '#api/storage/v1/csi.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const volumeattachments = defineResource<VolumeAttachment>(type, {
  columns: [
    nameColumn,
    { ...textColumn<VolumeAttachment>('Attacher', 'Who attaches it.', ({ spec }) => spec.attacher), format: 'name' },
    textColumn('PV', 'Which volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    textColumn('Node', 'To which node.', ({ spec }) => spec.nodeName),
    { name: 'Attached', type: 'boolean', description: 'Whether it is there.', value: ({ status }) => status?.attached ?? false },
    ageColumn,
  ],
  applyDefaults: withInlineDefaults,
  validate: validateVolumeAttachment,
  validateUpdate: validateVolumeAttachmentUpdate,
  initialStatus: () => ({ attached: false }),
});

function withInlineDefaults(attachment: VolumeAttachment): VolumeAttachment {
  const { source } = attachment.spec;
  const { inlineVolumeSpec: inline } = source;
  if (inline === undefined) return attachment;
  return { ...attachment, spec: { ...attachment.spec, source: { ...source, inlineVolumeSpec: applyVolumeSpecDefaults(inline) } } };
}
