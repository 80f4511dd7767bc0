/** A thread of its own for long YAML: reading it takes a hundred times as long as JSON. Gets the text, gives JSON or what is wrong. Started by `convert-yaml.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { yamlValue } from './parse-yaml.ts';

function converted(): { readonly json: string } | { readonly problem: string } {
  try {
    return { json: JSON.stringify(yamlValue(String(workerData))) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(converted());
