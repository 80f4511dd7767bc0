/** A thread of its own for long YAML: reading it takes a hundred times as long as JSON. Gets the text, gives JSON and the keys that occur twice, or what is wrong. Started by `convert-yaml.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { readYaml } from './parse-yaml.ts';

function converted(): object {
  try {
    const { value, duplicates } = readYaml(String(workerData));
    return { json: JSON.stringify(value), duplicates };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(converted());
