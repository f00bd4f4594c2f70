/** What can run the engine's programs. `cpu`, `webgpu` and `cuda` run them compiled, the tfjs packages op by op. */
export const DEVICES = ['cpu', 'cuda', 'webgpu', 'tfjs-node-gpu', 'tfjs-node'] as const;
export type DeviceName = (typeof DEVICES)[number];

/** Devices that are a GPU, the most wanted first. */
export const GPU_DEVICES = ['cuda', 'tfjs-node-gpu', 'webgpu'] as const satisfies readonly DeviceName[];

/** What the check of a device found. */
export interface DeviceCheck {
  device: DeviceName;
  /** True when a matrix product ran there and was right. */
  available: boolean;
  /** float32 products, 10⁹ operations a second, measured for about a second; null where none ran. */
  gigaflops: number | null;
  detail: string;
  /** What to do to have the device; null where there is nothing to do. */
  fix: string | null;
}

/** The check of a device whose product was right. */
export const availableAt = (device: DeviceName, gigaflops: number): DeviceCheck => ({
  device,
  available: true,
  gigaflops,
  detail: `${gigaflops.toFixed(0)} GFLOP/s in float32 products`,
  fix: null,
});

/** The check of a device that is not there or does not work. */
export const unavailable = (device: DeviceName, detail: string, fix: string | null): DeviceCheck => ({
  device,
  available: false,
  gigaflops: null,
  detail,
  fix,
});

/** Side of the square matrices whose product a check computes. */
export const CHECK_SIZE = 512;

/** How long a check multiplies, milliseconds. */
export const CHECK_MILLISECONDS = 1000;

/**
 * Repeats a product of two matrices of ones for a while: every element must be {@link CHECK_SIZE}.
 * @param product computes the product and gives its elements
 * @returns operations a second, in 10⁹
 * @throws Error when the product is wrong
 */
export async function measureProducts(
  product: () => Promise<ArrayLike<number>>,
  milliseconds: number,
): Promise<number> {
  await expectOnes(product);
  const started = performance.now();
  let products = 0;
  while (performance.now() - started < milliseconds) {
    await product();
    products++;
  }
  const seconds = (performance.now() - started) / 1000;
  return (products * 2 * CHECK_SIZE ** 3) / seconds / 1e9;
}

async function expectOnes(product: () => Promise<ArrayLike<number>>): Promise<void> {
  const elements = await product();
  for (const at of [0, elements.length - 1])
    if (elements[at] !== CHECK_SIZE) throw new Error(`a product of ones is ${elements[at]}, not ${CHECK_SIZE}`);
}
