/*
 * Login and consent: the two questions that the provider leaves to us. It
 * knows each conversation by the id in its path and by a cookie of its own.
 */

import * as pages from './pages.js';

const BODY_MAX = 16 * 1024;

async function formOf(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > BODY_MAX) {
      throw new Error('the form is too long');
    }
  }
  return new URLSearchParams(text);
}

async function show(provider, details, res, error) {
  const { uid, prompt, params } = details;
  const client = await provider.Client.find(params.client_id);
  const name = client?.clientName ?? params.client_id;

  if (prompt.name === 'login') {
    pages.send(res, error ? 401 : 200,
      pages.login(uid, name, params.login_hint, error));
  } else {
    pages.send(res, 200, pages.consent(uid, name,
      prompt.details.missingOIDCScope ?? []));
  }
}

async function grantAll(provider, details) {
  const { prompt, params, session, grantId } = details;
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({
      accountId: session.accountId, clientId: params.client_id,
    });
  const { missingOIDCScope, missingOIDCClaims } = prompt.details;

  if (missingOIDCScope) {
    grant.addOIDCScope(missingOIDCScope.join(' '));
  }
  if (missingOIDCClaims) {
    grant.addOIDCClaims(missingOIDCClaims);
  }
  return grant.save();
}

/* Answers /interaction/ID and what its forms send; false for other paths. */
export async function interaction(provider, users, req, res) {
  const [, what] = /^\/interaction\/[\w-]+(?:\/(login|confirm|abort))?$/
    .exec(req.url) ?? [null, null];

  if (what === null) {
    return false;
  }

  const details = await provider.interactionDetails(req, res);
  let result;

  if (what === undefined) {
    await show(provider, details, res);
    return true;
  }

  if (what === 'abort') {
    result = {
      error: 'access_denied',
      error_description: 'the person at the browser said no',
    };
  } else if (req.method !== 'POST' || details.prompt.name
             !== (what === 'login' ? 'login' : 'consent')) {
    res.writeHead(400).end();
    return true;
  } else if (what === 'login') {
    const form = await formOf(req);
    const user = users.get(form.get('login'));

    if (!user || user.password !== form.get('password')) {
      await show(provider, details, res, 'Name or password is not right.');
      return true;
    }
    result = { login: { accountId: user.claims.sub } };
  } else {
    result = { consent: { grantId: await grantAll(provider, details) } };
  }

  await provider.interactionFinished(req, res, result,
    { mergeWithLastSubmission: what !== 'abort' });
  return true;
}
