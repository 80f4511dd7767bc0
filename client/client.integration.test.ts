/** The real client, over TLS, against a real API server in this process: the same contract as the fake's. */
import { createTestApiServer } from '../apiserver/testing/test-api-server.ts';
import { createClient } from './client.ts';
import { describeClientContract } from './testing/client-contract.ts';

describeClientContract('client and API server', async () => {
  const server = await createTestApiServer();
  const client = createClient({
    server: server.url,
    ca: server.ca,
    certificate: server.admin.certificate,
    key: server.admin.key,
    userAgent: 'client-contract',
  });
  const close = async () => {
    await client.close();
    await server.stop();
  };
  return { client, close };
});
