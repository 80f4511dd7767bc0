/**
 * The guestbook of the test of that name, in a pod: `node guestbook.ts primary | replica | frontend`. The primary keeps values and hands each one to
 * the replicas that registered with it; a replica answers reads; the frontend writes to the primary's Service and reads from the replicas'.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';

const STORE_PORT = 6379;
const FRONTEND_PORT = 80;
const RETRY_MS = 500;

const [role = 'primary'] = process.argv.slice(2);
const values = new Map<string, string>();
const replicas = new Set<string>();

function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? hostname();
}

/** Tells the primary where this replica is, as often as that takes. */
async function register(): Promise<void> {
  try {
    const answer = await fetch(`http://agnhost-primary:${STORE_PORT}/register?host=${ownAddress()}`);
    for (const [key, value] of Object.entries(JSON.parse(await answer.text()))) values.set(key, String(value));
  } catch {
    setTimeout(register, RETRY_MS);
  }
}

async function answerStore(url: URL): Promise<string> {
  const key = url.searchParams.get('key') ?? '';
  if (url.pathname === '/get') return JSON.stringify({ data: values.get(key) ?? '' });
  if (url.pathname === '/register') {
    replicas.add(url.searchParams.get('host') ?? '');
    return JSON.stringify(Object.fromEntries(values));
  }
  values.set(key, url.searchParams.get('value') ?? '');
  if (role === 'primary') await Promise.all([...replicas].map((host) => fetch(`http://${host}:${STORE_PORT}${url.pathname}${url.search}`)));
  return JSON.stringify({ message: 'Updated' });
}

async function answerFrontend(url: URL): Promise<string> {
  const host = url.searchParams.get('cmd') === 'set' ? 'agnhost-primary' : 'agnhost-replica';
  const path = url.searchParams.get('cmd') === 'set' ? '/set' : '/get';
  const answer = await fetch(`http://${host}:${STORE_PORT}${path}${url.search}`);
  return answer.text();
}

const answer = (request: IncomingMessage): Promise<string> => {
  const url = new URL(request.url ?? '/', 'http://guestbook');
  return role === 'frontend' ? answerFrontend(url) : answerStore(url);
};

createServer((request, response) => {
  answer(request).then(
    (text) => response.setHeader('content-type', 'application/json').end(text),
    (error) => response.writeHead(502).end(String(error)),
  );
}).listen(role === 'frontend' ? FRONTEND_PORT : STORE_PORT, () => console.log(`${role} listens`));
if (role === 'replica') register();
process.once('SIGTERM', () => process.exit(0));
