/** Amounts of resources as plain numbers: CPU in cores, everything else in bytes or pieces; what the kubelet hands to the engine. Pure. */
