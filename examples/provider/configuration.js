/*
 * What the provider supports, in oidc-provider's words: code flow with PKCE,
 * every way a gateway proves itself, refresh tokens that are replaced at each
 * use, and all ways to log out.
 */

import * as crypto from 'node:crypto';
import * as https from 'node:https';
import { errors } from 'oidc-provider';
import { adapterFor } from './adapter.js';
import * as pages from './pages.js';

const CLAIMS = {
  openid: ['sub'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username'],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
  groups: ['groups'],
  roles: ['realm_access'],
};

export const LIFETIMES = {
  AccessToken: 300,
  AuthorizationCode: 60,
  IdToken: 300,
  RefreshToken: 86400,
  Interaction: 600,
  Session: 86400,
  Grant: 86400,
};

/* A private key as the provider wants it, newest first in its set. */
export function newKeys() {
  const make = (type, options, alg) => {
    const { privateKey } = crypto.generateKeyPairSync(type, options);
    return {
      ...privateKey.export({ format: 'jwk' }),
      use: 'sig', kid: `${alg}-${crypto.randomBytes(6).toString('hex')}`,
      ...(alg === 'RS' ? {} : { alg }),
    };
  };

  return [
    make('rsa', { modulusLength: 2048 }, 'RS'),
    make('ec', { namedCurve: 'P-256' }, 'ES256'),
    make('ed25519', {}, 'EdDSA'),
  ];
}

function accountFinder(users) {
  return async (ctx, sub) => {
    const user = [...users.values()].find((u) => u.claims.sub === sub);
    return user && { accountId: sub, claims: async () => user.claims };
  };
}

/*
 * A grant that exists is used again. Without the question for consent, one
 * is made for whatever is asked.
 */
function grantLoader(consent) {
  return async (ctx) => {
    const { client, session, provider, params } = ctx.oidc;
    const id = ctx.oidc.result?.consent?.grantId
      ?? session.grantIdFor(client.clientId);

    if (consent || !session.accountId) {
      return id ? provider.Grant.find(id) : undefined;
    }

    const grant = (id && await provider.Grant.find(id))
      || new provider.Grant({
        clientId: client.clientId, accountId: session.accountId,
      });
    grant.addOIDCScope(params.scope ?? 'openid');
    await grant.save();
    return grant;
  };
}

/* RFC 7523 as it is read since 2025: the audience is the issuer, alone. */
async function checkAssertion(ctx, claims) {
  if (claims.aud !== ctx.oidc.issuer) {
    throw new errors.InvalidClientAuth('the audience must be the issuer');
  }
}

/* options: see server.js; state: { memory, users, keys, trust } */
export function configuration(options, state) {
  return {
    adapter: adapterFor(state.memory),
    jwks: { keys: state.keys },
    claims: CLAIMS,
    scopes: ['openid', 'offline_access'],
    conformIdTokenClaims: options.claims === 'userinfo',
    ttl: { ...LIFETIMES, ...options.ttl },
    responseTypes: ['code'],
    pkce: { methods: ['S256'], required: () => true },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post',
      'private_key_jwt'],
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      userinfoSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    },
    assertJwtClientAuthClaimsAndHeader: checkAssertion,
    findAccount: accountFinder(state.users),
    loadExistingGrant: grantLoader(options.consent !== false),
    issueRefreshToken: async (ctx, client) =>
      client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: options.rotate !== false,
    cookies: {
      keys: [crypto.randomBytes(32).toString('hex')],
      names: {
        session: 'op_session',
        interaction: 'op_interaction',
        resume: 'op_resume',
      },
    },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: false },
      jwtUserinfo: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => {
          ctx.body = pages.logout(form);
        },
        postLogoutSuccessSource: async (ctx) => {
          ctx.body = pages.page('Logged out', '<p>You are logged out.</p>');
        },
      },
    },
    renderError: async (ctx, out) => {
      ctx.type = 'html';
      ctx.body = pages.page('This did not work', '<p>'
        + `${pages.escape(out.error)}: `
        + `${pages.escape(out.error_description)}</p>`);
    },
    interactions: {
      url: (ctx, { uid }) => `/interaction/${uid}`,
    },
    httpOptions: (url) => ({
      signal: AbortSignal.timeout(2500),
      ...(url.protocol === 'https:' && state.trust
        ? { agent: new https.Agent({ ca: state.trust }) } : {}),
    }),
  };
}
