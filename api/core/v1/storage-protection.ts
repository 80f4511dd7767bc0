/** The finalizers that hold claims and volumes while they are in use: the API server sets them, the controller manager takes them away. */
export const PVC_PROTECTION = 'kubernetes.io/pvc-protection';
export const PV_PROTECTION = 'kubernetes.io/pv-protection';
