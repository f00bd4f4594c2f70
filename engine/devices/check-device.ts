import { checkOnnxDevice } from './check-onnx-device.js';
import { checkTensorflowDevice } from './check-tensorflow-device.js';
import type { DeviceCheck, DeviceName } from './device.js';

/** Multiplies matrices on a device for about a second: whether it is there, right, and how fast. Never throws. */
export function checkDevice(device: DeviceName, milliseconds?: number): Promise<DeviceCheck> {
  if (device === 'tfjs-node' || device === 'tfjs-node-gpu') return checkTensorflowDevice(device, milliseconds);
  return checkOnnxDevice(device, milliseconds);
}
