#!/usr/bin/env node
// Sends a signed request (RFC 9421) with Node's own modules.
//
//   KEYID=acme-1 SECRET=acme.secret node sign.mjs GET https://api.example.com/orders?id=7
//   KEYID=acme-2 KEY=acme.key node sign.mjs POST https://api.example.com/orders '{"id": 7}'
//
// SECRET is a file with a shared secret (hmac-sha256), KEY one with a private
// key in PEM (Ed25519, ECDSA P-256 or P-384, RSA).

import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pathToFileURL } from 'node:url';

export function secretSigner(secret) {
    return (base) =>
        crypto.createHmac('sha256', secret).update(base).digest();
}

export function keySigner(pem) {
    const key = crypto.createPrivateKey(pem);

    switch (key.asymmetricKeyType) {
    case 'ed25519':
        return (base) => crypto.sign(null, base, key);
    case 'ec': {
        const hash = key.asymmetricKeyDetails.namedCurve === 'secp384r1'
            ? 'sha384' : 'sha256';
        return (base) =>
            crypto.sign(hash, base, { key, dsaEncoding: 'ieee-p1363' });
    }
    default:
        return (base) => crypto.sign('sha512', base, {
            key,
            padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
            saltLength: 64,
        });
    }
}

// What to add to a request so that it is signed.
export function signedHeaders({ method, url, body, keyid, sign }) {
    const { host, pathname, search } = new URL(url);
    const covered = [
        ['@method', method],
        ['@authority', host],
        ['@path', pathname],
        ['@query', search || '?'],
    ];
    const headers = {};

    if (body !== undefined) {
        const sum = crypto.createHash('sha256').update(body).digest('base64');
        headers['Content-Digest'] = `sha-256=:${sum}:`;
        covered.push(['content-digest', headers['Content-Digest']]);
    }

    const names = covered.map(([name]) => `"${name}"`).join(' ');
    const created = Math.floor(Date.now() / 1000);
    const nonce = crypto.randomBytes(16).toString('base64url');
    const params = `(${names});created=${created};keyid="${keyid}"`
        + `;nonce="${nonce}"`;
    const base = covered.map(([name, value]) => `"${name}": ${value}\n`)
        .join('') + `"@signature-params": ${params}`;

    headers['Signature-Input'] = `sig=${params}`;
    headers.Signature
        = `sig=:${sign(Buffer.from(base, 'ascii')).toString('base64')}:`;
    return headers;
}

function main() {
    const [method, url, body] = process.argv.slice(2);
    const { KEYID, SECRET, KEY } = process.env;
    const sign = KEY ? keySigner(readFileSync(KEY))
        : secretSigner(readFileSync(SECRET, 'utf8').trim());
    const headers = signedHeaders({ method, url, body, keyid: KEYID, sign });
    const { request } = url.startsWith('https:') ? https : http;

    if (body !== undefined) {
        headers['Content-Length'] = Buffer.byteLength(body);
    }

    request(url, { method, headers }, (answer) => {
        process.exitCode = answer.statusCode < 400 ? 0 : 1;
        answer.pipe(process.stdout);
    }).on('error', (e) => {
        console.error(e.message);
        process.exitCode = 1;
    }).end(body);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    main();
}
