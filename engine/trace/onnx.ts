import { ONNX_TYPES, type Attribute, type Graph, type GraphNode, type Value } from './graph.js';
import { ProtobufWriter } from './protobuf.js';

const IR_VERSION = 10;
const OPSETS: [domain: string, version: number][] = [
  ['', 23],
  ['com.microsoft', 1],
];

/**
 * Serialises a graph as an ONNX model (onnx.proto3, IR 10, opset 23 and com.microsoft 1). Names are given in the order
 * of first use, so equal recordings give equal bytes.
 */
export function toOnnx(graph: Graph): Uint8Array {
  const names = new Map<Value, string>(graph.outputs.map((output) => [output.value, output.name]));
  const constants = new Map<string, string>();
  const body = new ProtobufWriter();
  const initializers: ProtobufWriter[] = [];

  const nameOf = (value: Value): string => {
    const known = value.input ?? names.get(value);
    if (known !== undefined) return known;
    if (!value.data) throw new Error('a node uses a value that no node before it produces');
    const key = value.data.length <= 64 ? `${value.type}[${value.shape}]${bytesOf(value).join()}` : '';
    const shared = key === '' ? undefined : constants.get(key);
    const name = shared ?? `:constant${initializers.length}`;
    names.set(value, name);
    if (shared === undefined) {
      initializers.push(tensor(value, name));
      if (key !== '') constants.set(key, name);
    }
    return name;
  };

  const read = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs.map(({ value }) => value)]);
  graph.nodes.forEach((node, index) => {
    node.outputs.forEach((value, i) => {
      if (value.optional && !read.has(value)) names.set(value, '');
      else if (!names.has(value)) names.set(value, i === 0 ? `:${index}` : `:${index}.${i}`);
    });
    body.message(1, nodeMessage(node, index, nameOf));
  });
  body.string(2, 'ratchet');
  for (const initializer of initializers) body.message(5, initializer);
  for (const { name, type, shape } of graph.inputs) body.message(11, valueInfo(name, type, shape));
  for (const { name, value } of graph.outputs) body.message(12, valueInfo(name, value.type, value.shape));

  const model = new ProtobufWriter().int(1, IR_VERSION).string(2, 'ratchet').message(7, body);
  for (const [domain, version] of OPSETS) model.message(8, new ProtobufWriter().string(1, domain).int(2, version));
  return model.finish();
}

function nodeMessage(node: GraphNode, index: number, nameOf: (value: Value) => string): ProtobufWriter {
  const message = new ProtobufWriter();
  for (const input of node.inputs) message.string(1, nameOf(input));
  for (const output of node.outputs) message.string(2, nameOf(output));
  message.string(3, `${node.op}:${index}`).string(4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes))
    message.message(5, attributeMessage(name, attribute));
  if (node.domain !== '') message.string(7, node.domain);
  return message;
}

function attributeMessage(name: string, attribute: Attribute): ProtobufWriter {
  const message = new ProtobufWriter().string(1, name);
  if ('int' in attribute) return message.int(3, attribute.int).int(20, 2);
  if ('float' in attribute) return message.float(2, attribute.float).int(20, 1);
  if ('string' in attribute) return message.string(4, attribute.string).int(20, 3);
  for (const item of attribute.ints) message.int(8, item);
  return message.int(20, 7);
}

function tensor(value: Value, name: string): ProtobufWriter {
  const message = new ProtobufWriter();
  for (const extent of value.shape) message.int(1, extent);
  return message.int(2, ONNX_TYPES[value.type]).string(8, name).bytes(9, bytesOf(value));
}

function valueInfo(name: string, type: Value['type'], shape: number[]): ProtobufWriter {
  const dimensions = new ProtobufWriter();
  for (const extent of shape) dimensions.message(1, new ProtobufWriter().int(1, extent));
  const tensorType = new ProtobufWriter().int(1, ONNX_TYPES[type]).message(2, dimensions);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, tensorType));
}

const bytesOf = ({ data }: Value): Uint8Array => new Uint8Array(data!.buffer, data!.byteOffset, data!.byteLength);
