#!/usr/bin/env python3
"""Sends a signed request (RFC 9421) with Python's own library.

  sign.py --keyid acme-1 --secret acme.secret GET https://api.example.com/orders?id=7
  sign.py --keyid acme-2 --key acme.key POST https://api.example.com/orders '{"id": 7}'

A shared secret needs nothing else; private keys (Ed25519, ECDSA, RSA) need
the package "cryptography".
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import secrets
import sys
import time
import urllib.parse


def b64(data):
    return base64.b64encode(data).decode()


def secret_signer(path):
    with open(path, "rb") as f:
        secret = f.read().strip()
    return lambda base: hmac.new(secret, base, hashlib.sha256).digest()


def key_signer(path):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import (
        ec, ed25519, padding, utils)

    with open(path, "rb") as f:
        key = serialization.load_pem_private_key(f.read(), None)

    def sign(base):
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(base)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            size = key.key_size // 8
            r, s = utils.decode_dss_signature(key.sign(base, ec.ECDSA(
                hashes.SHA384() if size == 48 else hashes.SHA256())))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return key.sign(base, padding.PSS(padding.MGF1(hashes.SHA512()), 64),
                        hashes.SHA512())
    return sign


def signed_headers(method, url, body, keyid, sign):
    """What to add to a request so that it is signed."""
    parts = urllib.parse.urlsplit(url)
    authority = parts.netloc.rpartition("@")[2].lower()
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    covered = {
        "@method": method,
        "@authority": authority.removesuffix(usual),
        "@path": parts.path or "/",
        "@query": "?" + parts.query,
    }
    headers = {}

    if body is not None:
        digest = f"sha-256=:{b64(hashlib.sha256(body).digest())}:"
        covered["content-digest"] = digest
        headers["Content-Digest"] = digest

    names = " ".join(f'"{name}"' for name in covered)
    params = (f'({names});created={int(time.time())};keyid="{keyid}"'
              f';nonce="{secrets.token_urlsafe(16)}"')
    base = "".join(f'"{name}": {value}\n' for name, value in covered.items())
    base += f'"@signature-params": {params}'

    headers["Signature-Input"] = f"sig={params}"
    headers["Signature"] = f"sig=:{b64(sign(base.encode('ascii')))}:"
    return headers


def main():
    p = argparse.ArgumentParser(description="Sends a signed request.")
    p.add_argument("--keyid", required=True)
    by = p.add_mutually_exclusive_group(required=True)
    by.add_argument("--secret", metavar="FILE")
    by.add_argument("--key", metavar="FILE")
    p.add_argument("method")
    p.add_argument("url")
    p.add_argument("body", nargs="?")
    arg = p.parse_args()

    sign = secret_signer(arg.secret) if arg.secret else key_signer(arg.key)
    body = None if arg.body is None else arg.body.encode()
    headers = signed_headers(arg.method, arg.url, body, arg.keyid, sign)

    url = urllib.parse.urlsplit(arg.url)
    connection = (http.client.HTTPSConnection if url.scheme == "https"
                  else http.client.HTTPConnection)(url.netloc)
    target = (url.path or "/") + ("?" + url.query if url.query else "")
    connection.request(arg.method, target, body, headers)
    answer = connection.getresponse()
    sys.stdout.buffer.write(answer.read())
    return 0 if answer.status < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
