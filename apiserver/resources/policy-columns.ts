/** The columns that admission policies and their bindings share. */
import type { ParamKind, ParamRef } from '#api/generated/types.ts';
import { formatLabelSelector } from '#api/meta/label-selector.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import type { Column } from './resource-definition.ts';

const UNSET = '<unset>';

export function policyColumns<T extends ApiObject>(
  counted: Column<T>,
  paramKindOf: (policy: T) => ParamKind | undefined,
): readonly Column<T>[] {
  const paramKind = textColumn<T>('ParamKind', 'What kind of object the policy takes its parameters from.', (policy) => {
    const kind = paramKindOf(policy);
    return kind === undefined ? UNSET : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;
  });
  return [nameColumn, counted, paramKind, ageColumn];
}

export function bindingColumns<T extends ApiObject>(
  specOf: (binding: T) => { readonly policyName?: string; readonly paramRef?: ParamRef },
): readonly Column<T>[] {
  return [
    nameColumn,
    textColumn<T>('PolicyName', 'The policy that is bound.', (binding) => specOf(binding).policyName ?? ''),
    textColumn<T>('ParamRef', 'The objects whose content are its parameters.', (binding) => shownParams(specOf(binding).paramRef)),
    ageColumn,
  ];
}

function shownParams(paramRef: ParamRef | undefined): string {
  const { name = '', namespace = '', selector } = paramRef ?? {};
  if (name !== '') return `${namespace === '' ? '*' : namespace}/${name}`;
  return selector === undefined ? UNSET : formatLabelSelector(selector);
}
