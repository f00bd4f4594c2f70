export { checkDevice } from './check-device.js';
export { DEVICES, GPU_DEVICES, type DeviceCheck, type DeviceName } from './device.js';
export { executionOf } from './execution.js';
export { keepingFreedMemory } from './process-environment.js';
export { selectDevice, type DeviceRequest, type Machine, type SelectedDevice } from './select-device.js';
