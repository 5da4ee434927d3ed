// oidc-provider, which is certified by the OpenID Foundation, as the tests' strict
// provider. It serves plain http on a free port of 127.0.0.1; the tests stand
// before it with https under the issuer's name, which they tell it in its only
// argument: JSON with
//
//   issuer
//   firstTTL    the seconds that the tokens of a sign-in live
//   requirePAR  requests must be pushed
//   acrs        how people can sign in, the weakest first
//   resources   of which tokens can be had, next to all whose name ends with .example
//   clients     more clients, of services; optional
//   ahead       by how many seconds its clock is ahead of the time; optional
//   mtls        optional: at, the address under which clients with certificates
//               reach it; key, cert and clientCA, files in PEM. Those it serves
//               itself, with https that asks for a certificate
//
// Once it listens it writes its port on a line of its own, and that for
// certificates on one before.
//
// Anybody signs in, as whom they say, with any password; all is lost when it ends.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTLSServer } from 'node:https';
import { Provider, errors, interactionPolicy } from 'oidc-provider';

const { issuer, firstTTL, requirePAR, acrs, resources, clients = [], ahead = 0, mtls } = JSON.parse(process.argv[2]);
const hour = 60 * 60;
const life = (ctx) => (ctx.oidc.params.grant_type === 'refresh_token' ? hour : firstTTL);

if (ahead) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args) { super(...(args.length ? args : [Date.now()])); }
    static now() { return RealDate.now() + ahead * 1000; }
  };
}

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

// A native app on any port of the loopback (RFC 8252 §7.3).
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const cli = {
  client_id: 'cli',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', exchange],
  redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback'],
};

// What acr_values or claims ask for of the sign-in, and whether it can be had. By
// itself oidc-provider signs nobody in again for acr_values.
const askedACRs = ({ acr_values: list, claims }) => {
  const { values, value } = JSON.parse(claims ?? '{}').id_token?.acr ?? {};
  return values ?? (value ? [value] : (list ?? '').split(' '));
};
const policy = interactionPolicy.base();
policy.get('login').checks.add(new interactionPolicy.Check('acr_values', 'another acr is asked for', ({ oidc }) => {
  const can = askedACRs(oidc.params).filter((acr) => acrs.includes(acr));
  return can.length > 0 && !can.includes(oidc.acr);
}));

// A resource gets access tokens of its own: JWTs for it alone (RFC 8707, RFC 9068).
const resourceServer = (audience, scope = 'read write') => ({
  audience, scope, accessTokenFormat: 'jwt', accessTokenTTL: hour, jwt: { sign: { alg: 'RS256' } },
});

const provider = new Provider(issuer, {
  acrValues: acrs,
  interactions: { policy },
  clients: [cli, ...clients],
  jwks: { keys: [{ ...signingKey.export({ format: 'jwk' }), kid: 'rs1', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: ['for tests alone'] },
  scopes: ['openid', 'offline_access', 'email', 'profile', 'groups'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
  conformIdTokenClaims: false, // what scopes ask for is in the ID token, where clusters read it
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true, name: 'Alice Example', groups: ['dev', 'ops'] }),
  }),
  pkce: { required: () => true },
  rotateRefreshToken: true, // a refresh token that comes back revokes all of its family
  ttl: {
    AccessToken: life, IdToken: life, ClientCredentials: hour,
    RefreshToken: hour, Session: hour, Grant: hour, Interaction: 600, DeviceCode: 300, AuthorizationCode: 60,
  },
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true, mask: '****-****', charset: 'base-20' },
    revocation: { enabled: true },
    introspection: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: requirePAR },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resources.includes(resource)) return resourceServer(resource, 'api:read');
        if (!resource.endsWith('.example')) throw new errors.InvalidTarget();
        return resourceServer(resource);
      },
    },
    ...mtls && {
      mTLS: {
        enabled: true, tlsClientAuth: true, selfSignedTlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_san_dns'
          && ctx.socket.getPeerX509Certificate().subjectAltName === `DNS:${expected}`,
      },
    },
  },
  ...mtls && {
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none', 'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    discovery: {
      mtls_endpoint_aliases: { token_endpoint: `${mtls.at}/token`, revocation_endpoint: `${mtls.at}/token/revocation` },
    },
  },
});
const finish = provider.interactionResult.bind(provider);
provider.interactionResult = async (req, res, result, options) => {
  if (result.login && acrs.length > 0) {
    const { params } = await provider.interactionDetails(req, res);
    result.login.acr = askedACRs(params).find((acr) => acrs.includes(acr)) ?? acrs[0];
  }
  return finish(req, res, result, options);
};
provider.proxy = true; // https is the tests'
provider.on('server_error', (_, error) => console.error('server_error:', error));
provider.on('grant.error', (_, error) => console.error('grant.error:', error.message, error.error_detail));
provider.use((ctx, next) => {
  ctx.set('Date', new Date().toUTCString()); // node's own has the time
  return next();
});

// Token exchange (RFC 8693), which oidc-provider leaves to those who run it: its
// own opaque access tokens, people's and services', for a JWT that one audience
// takes. Clients, tokens and signatures are oidc-provider's.
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
provider.registerGrantType(exchange, async (ctx) => {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== accessToken || (params.requested_token_type ?? accessToken) !== accessToken) {
    throw new errors.InvalidRequest('only access tokens are exchanged');
  }
  const persons = await provider.AccessToken.find(params.subject_token);
  const subject = persons ?? await provider.ClientCredentials.find(params.subject_token);
  if (!subject || subject.clientId !== client.clientId) throw new errors.InvalidRequest('the subject_token is not good');
  const audience = params.audience ?? params.resource;
  if (typeof audience !== 'string' || !audience) throw new errors.InvalidTarget('name one audience');
  const token = persons
    ? new provider.AccessToken({ client, accountId: persons.accountId, grantId: persons.grantId, gty: 'token_exchange' })
    : new provider.ClientCredentials({ client });
  token.resourceServer = new provider.ResourceServer(audience, resourceServer(audience));
  const value = await token.save();
  ctx.body = {
    access_token: value, issued_token_type: accessToken, token_type: 'Bearer', expires_in: token.expiration,
  };
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource']);

const listen = (server, name) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => {
    console.log(`${name} ${server.address().port}`);
    resolve();
  });
});
if (mtls) {
  await listen(createTLSServer({
    key: readFileSync(mtls.key), cert: readFileSync(mtls.cert), ca: readFileSync(mtls.clientCA),
    requestCert: true, rejectUnauthorized: false, // who is taken, the client's registration says
  }, provider.callback()), 'mtls port');
}
await listen(createServer(provider.callback()), 'port');
