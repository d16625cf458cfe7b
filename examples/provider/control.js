/*
 * Orders to a running provider: one JSON document per line on its standard
 * input, one answer per line on its standard output. The end of the input is
 * the end of the provider, so that nobody leaves one behind.
 */

import * as fs from 'node:fs';
import * as readline from 'node:readline';
import { newKeys } from './configuration.js';

/*
 * Ends what a person (sub), or everybody, has at the provider. The clients
 * are told, back-channel, unless quiet; tokens go too, unless kept.
 */
async function logout(op, { sub, quiet, keep_tokens: keepTokens }) {
  const { provider, memory } = op.state;
  const told = [];

  for (const row of memory.select('Session',
    (p) => p.accountId && (!sub || p.accountId === sub))) {
    const { accountId, authorizations } = row.payload;

    for (const [id, { sid, grantId }] of Object.entries(
      authorizations ?? {})) {
      const client = await provider.Client.find(id);
      if (client?.backchannelLogoutUri && !quiet) {
        const answer = { client: id, sid, sub: accountId };
        await client.backchannelLogout(accountId, sid).catch((error) => {
          answer.error = error.message;
        });
        told.push(answer);
      }
      if (!keepTokens) {
        memory.deleteGrant(grantId);
        memory.delete('Grant', grantId);
      }
    }
    memory.delete('Session', row.id);
  }
  return { told };
}

const ORDERS = {
  ping: async () => ({}),

  /* metadata as in dynamic registration, client_id included */
  client: async (op, { metadata }) => {
    op.addClient(metadata);
    return {};
  },

  /* claims of a new or known person; null removes one */
  user: async (op, { name, password, claims }) => {
    if (claims === null) {
      op.state.users.delete(name);
      return {};
    }
    const old = op.state.users.get(name);
    op.state.users.set(name, {
      password: password ?? old?.password ?? 'demo',
      claims: { sub: name, ...old?.claims, ...claims },
    });
    return {};
  },

  /* new keys; the old ones stay in the set unless keep is false */
  rotate: async (op, { keep }) => {
    op.state.keys = [...newKeys(), ...(keep === false ? [] : op.state.keys)];
    op.renew();
    return { kids: op.state.keys.map((key) => key.kid) };
  },

  logout,

  /* refresh and access tokens of a person stop working */
  revoke: async (op, { sub }) => {
    const rows = op.state.memory.select('Grant',
      (p) => !sub || p.accountId === sub);
    for (const row of rows) {
      op.state.memory.deleteGrant(row.id);
      op.state.memory.delete('Grant', row.id);
    }
    return { grants: rows.length };
  },

  /* answers of one route (token, userinfo, jwks, ...) come so much later */
  delay: async (op, { route, ms }) => {
    op.state.delays.set(route, ms);
    return {};
  },

  /* the authority behind the clients' own certificates */
  trust: async (op, { file }) => {
    op.state.trust = fs.readFileSync(file);
    return {};
  },

  /* every code and token so far: for tests that look into logs */
  secrets: async (op) => ({ secrets: [...op.state.memory.secrets] }),

  /* requests so far */
  journal: async (op) => ({ requests: op.state.journal }),
  clear: async (op) => {
    op.state.journal.length = 0;
    return {};
  },
};

export async function obey(op) {
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  say({ ready: op.options.issuer });

  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      const order = JSON.parse(line);
      if (!Object.hasOwn(ORDERS, order.do)) {
        throw new Error(`no order "${order.do}"; there are: ${
          Object.keys(ORDERS).join(' ')}`);
      }
      say({ ok: true, ...await ORDERS[order.do](op, order) });
    } catch (error) {
      say({ ok: false, error: error.message });
    }
  }
  process.exit(0);
}
