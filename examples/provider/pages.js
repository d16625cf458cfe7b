/*
 * The pages people see at the provider: plain forms without a script. Whoever
 * drives them without a browser finds every field in the markup.
 */

const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function escape(text) {
  return String(text ?? '').replace(/[&<>"']/g,
    (c) => `&#${c.charCodeAt(0)};`);
}

export function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { max-width: 26em; margin: 3em auto; font: 1em/1.5 sans-serif; }
label, input, button { display: block; margin: .5em 0; font: inherit; }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
${body}
</body>
</html>
`;
}

export function send(res, status, html) {
  res.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': POLICY,
    'Cache-Control': 'no-store',
  });
  res.end(html);
}

export function login(uid, client, hint, error) {
  return page('Log in', `<p>${escape(client)} asks who you are. This is a
demonstration: log in as alice or bob, password demo.</p>
${error ? `<p role="alert">${escape(error)}</p>` : ''}
<form method="post" action="/interaction/${escape(uid)}/login">
<label for="login">Name</label>
<input id="login" name="login" value="${escape(hint)}"
  autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password"
  autocomplete="current-password" required>
<button id="go" type="submit">Log in</button>
</form>
<p><a id="cancel" href="/interaction/${escape(uid)}/abort">Cancel</a></p>`);
}

export function consent(uid, client, scopes) {
  const list = scopes.map((scope) => `<li>${escape(scope)}</li>`).join('\n');

  return page('Allow access', `<p>${escape(client)} would like to know:</p>
<ul>
${list || '<li>that you are logged in</li>'}
</ul>
<form method="post" action="/interaction/${escape(uid)}/confirm">
<button id="go" type="submit" autofocus>Allow</button>
</form>
<p><a id="cancel" href="/interaction/${escape(uid)}/abort">Refuse</a></p>`);
}

/* form is the provider's own, with its token against forgery. */
export function logout(form) {
  return page('Log out', `<p>Do you want to log out here, too?</p>
${form}
<button id="go" type="submit" form="op.logoutForm" name="logout"
  value="yes" autofocus>Yes, log out</button>
<button id="stay" type="submit" form="op.logoutForm">No, stay</button>`);
}
