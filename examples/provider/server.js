/*
 * A provider to log in at, on loopback only: the certified oidc-provider with
 * two people, alice and bob, and a client per way to authenticate.
 *
 * usage: node server.js [OPTIONS.json] [--control]
 *
 * Options, all with a default: port (9000), tls ({ cert, key }: files), issuer
 * (https or http, localhost, the port), redirect_uris,
 * post_logout_redirect_uris and backchannel_logout_uri of the clients, their
 * client_secret and jwks, clients (more of them), users, consent (ask),
 * rotate (refresh tokens), claims ("id_token" or "userinfo"), ttl (seconds),
 * trust (file: the authority behind the clients' certificates). The
 * environment's PROVIDER_TTL="AccessToken=5 RefreshToken=60" shortens lives.
 */

import * as fs from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { Provider } from 'oidc-provider';
import { Memory } from './adapter.js';
import { configuration, newKeys } from './configuration.js';
import { obey } from './control.js';
import { interaction } from './interaction.js';
import * as pages from './pages.js';

const USERS = {
  alice: {
    password: 'demo',
    claims: {
      sub: 'u-2482', name: 'Alice Árvay', given_name: 'Alice',
      family_name: 'Árvay', preferred_username: 'alice',
      email: 'alice@example.com', email_verified: true,
      groups: ['staff', 'admin'], realm_access: { roles: ['staff', 'admin'] },
    },
  },
  bob: {
    password: 'demo',
    claims: {
      sub: 'u-1001', name: 'Bob "the builder" Brown', given_name: 'Bob',
      family_name: 'Brown', preferred_username: 'bob',
      email: 'bob@example.com', email_verified: true,
      groups: ['staff'], realm_access: { roles: ['staff'] },
    },
  },
};

const WAYS = {
  gatehouse: 'client_secret_basic',
  'gatehouse-post': 'client_secret_post',
  'gatehouse-jwt': 'private_key_jwt',
};

function optionsOf(argv, env) {
  const file = argv.find((word) => !word.startsWith('--'));
  const options = {
    port: 9000, users: {}, clients: [], redirect_uris: [], ttl: {},
    ...(file ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}),
  };

  for (const word of (env.PROVIDER_TTL ?? '').split(/\s+/).filter(Boolean)) {
    const [name, seconds] = word.split('=');
    options.ttl[name] = Number(seconds);
  }
  options.issuer ??= `${options.tls ? 'https' : 'http'}://localhost:${
    options.port}`;
  return options;
}

class Op {
  constructor(options) {
    this.options = options;
    this.state = {
      memory: new Memory(), keys: options.keys ?? newKeys(),
      users: new Map(Object.entries({ ...USERS, ...options.users })),
      delays: new Map(), journal: [],
      trust: options.trust && fs.readFileSync(options.trust),
    };

    const ways = options.redirect_uris.length ? WAYS : {};
    for (const [id, way] of Object.entries(ways)) {
      if (way !== 'private_key_jwt' || options.jwks) {
        this.addClient({
          client_id: id, token_endpoint_auth_method: way,
          ...(way === 'private_key_jwt' ? { jwks: options.jwks }
            : { client_secret: options.client_secret
                ?? 'only-for-demonstrations' }),
        });
      }
    }
    options.clients.forEach((client) => this.addClient(client));
    this.renew();
  }

  addClient(metadata) {
    const { options } = this;
    this.state.memory.put('Client', metadata.client_id, {
      client_name: 'Gatehouse',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: options.redirect_uris,
      post_logout_redirect_uris: options.post_logout_redirect_uris ?? [],
      ...(options.backchannel_logout_uri ? {
        backchannel_logout_uri: options.backchannel_logout_uri,
        backchannel_logout_session_required: true,
      } : {}),
      ...metadata,
    });
  }

  /* The same provider with the keys of now. */
  renew() {
    const { options, state } = this;
    const provider = new Provider(options.issuer,
      configuration(options, state));

    provider.use(async (ctx, next) => {
      await next();
      const { route, params, client } = ctx.oidc ?? {};
      state.journal.push({
        at: Date.now(), method: ctx.method, path: ctx.path, route,
        grant_type: params?.grant_type, client: client?.clientId,
        status: ctx.status,
      });
      const ms = state.delays.get(route);
      if (ms) {
        await new Promise((done) => { setTimeout(done, ms); });
      }
    });
    provider.on('server_error', (ctx, error) => {
      process.stderr.write(`${error.stack}\n`);
    });
    state.provider = provider;
    state.callback = provider.callback();
  }

  async answer(req, res) {
    const { provider, callback, users } = this.state;
    try {
      if (!await interaction(provider, users, req, res)) {
        callback(req, res);
      }
    } catch (error) {
      pages.send(res, 400, pages.page('This did not work',
        `<p>${pages.escape(error.message)}</p>`));
    }
  }

  async listen() {
    const { port, tls } = this.options;
    const answer = (req, res) => this.answer(req, res);
    const server = tls
      ? https.createServer({
        cert: fs.readFileSync(tls.cert), key: fs.readFileSync(tls.key),
      }, answer)
      : http.createServer(answer);

    await new Promise((done, failed) => {
      server.once('error', failed);
      server.listen(port, '127.0.0.1', done);
    });
  }
}

const argv = process.argv.slice(2);
const op = new Op(optionsOf(argv, process.env));

await op.listen();
if (argv.includes('--control')) {
  await obey(op);
} else {
  process.stdout.write(`provider: ${op.options.issuer}, log in as alice or `
    + 'bob, password demo\n');
}
