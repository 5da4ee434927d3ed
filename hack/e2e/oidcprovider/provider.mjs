// oidc-provider, which is certified by the OpenID Foundation, as the tests' strict
// provider. It serves plain http on a free port of 127.0.0.1; the tests stand
// before it with https under the issuer's name, which they tell it in its only
// argument: JSON with issuer, firstTTL (the seconds that the tokens of a sign-in
// live), requirePAR, acrs (how people can sign in, the weakest first) and resources
// (of which tokens can be had). Once it listens it writes its port on a line of its own.
//
// Anybody signs in, as whom they say, with any password; all is lost when it ends.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, errors, interactionPolicy } from 'oidc-provider';

const { issuer, firstTTL, requirePAR, acrs, resources } = JSON.parse(process.argv[2]);
const hour = 60 * 60;
const life = (ctx) => (ctx.oidc.params.grant_type === 'refresh_token' ? hour : firstTTL);

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

// A native app on any port of the loopback (RFC 8252 §7.3).
const cli = {
  client_id: 'cli',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback'],
};

// What acr_values or claims ask for of the sign-in, and whether it can be had. By
// itself oidc-provider signs nobody in anew for acr_values.
const askedACRs = ({ acr_values: list, claims }) => {
  const { values, value } = JSON.parse(claims ?? '{}').id_token?.acr ?? {};
  return values ?? (value ? [value] : (list ?? '').split(' '));
};
const policy = interactionPolicy.base();
policy.get('login').checks.add(new interactionPolicy.Check('acr_values', 'another acr is asked for', ({ oidc }) => {
  const can = askedACRs(oidc.params).filter((acr) => acrs.includes(acr));
  return can.length > 0 && !can.includes(oidc.acr);
}));

const provider = new Provider(issuer, {
  acrValues: acrs,
  interactions: { policy },
  clients: [cli],
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
    AccessToken: life, IdToken: life,
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
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (!resources.includes(resource)) throw new errors.InvalidTarget();
        return { scope: 'api:read', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: hour };
      },
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

const server = createServer(provider.callback());
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
