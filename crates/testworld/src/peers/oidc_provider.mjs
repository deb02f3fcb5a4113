// An issuer: node oidc_provider.mjs MODULES PORT CLIENT_ID CLIENT_SECRET AUDIENCE
// Prints its address when it listens. Its keys are new with every start.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

const [modules, port, client_id, client_secret, audience] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

const key = (kind, options, alg) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg });

// Whom a token is for says how it is made: "jwt:ES256:NAME" or "opaque:-:NAME".
function resourceServer(context, resource) {
  const [format, alg] = resource.split(':');
  const server = { scope: 'smtp.send imap', audience: resource, accessTokenTTL: 600, accessTokenFormat: format };
  return format === 'jwt' ? { ...server, jwt: { sign: { alg } } } : server;
}

const server = createServer();
server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id, client_secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
    jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('rsa', { modulusLength: 2048 }, 'PS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
    cookies: { keys: ['unused'] },
    scopes: ['smtp.send', 'imap'],
    extraTokenClaims: () => ({ email: 'ada@gatepost.example', email_verified: true }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: { enabled: true, defaultResource: () => audience, getResourceServerInfo: resourceServer },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
