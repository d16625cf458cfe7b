#!/bin/sh
#
# Sends a signed request (RFC 9421) with openssl and curl.
#
#   KEYID=acme-1 SECRET=acme.secret ./sign.sh GET  https://api.example.com/orders?id=7
#   KEYID=acme-2 KEY=acme.key       ./sign.sh POST https://api.example.com/orders '{"id": 7}'
#
# SECRET is a file with a shared secret (hmac-sha256), KEY one with a private
# key in PEM (ed25519). CURL holds more options for curl.

set -eu

method=$1 url=$2

# The URL as it goes on the wire: scheme, authority, path, query
scheme=${url%%://*}
rest=${url#*://}
rest=${rest%%#*}
authority=${rest%%[/?]*}
target=${rest#"$authority"}
case $target in /*) ;; *) target=/$target ;; esac
path=${target%%\?*}
case $target in *\?*) query="?${target#*\?}" ;; *) query="?" ;; esac

authority=$(printf %s "$authority" | tr '[:upper:]' '[:lower:]')
case $scheme:$authority in
    https:*:443) authority=${authority%:443} ;;
    http:*:80) authority=${authority%:80} ;;
esac

base=$(mktemp)
trap 'rm -f "$base"' EXIT

components='"@method" "@authority" "@path" "@query"'
{
    printf '"@method": %s\n' "$method"
    printf '"@authority": %s\n' "$authority"
    printf '"@path": %s\n' "$path"
    printf '"@query": %s\n' "$query"
} > "$base"

if [ $# -gt 2 ]; then
    sum=$(printf %s "$3" | openssl dgst -sha256 -binary | openssl base64 -A)
    digest="sha-256=:$sum:"
    components="$components \"content-digest\""
    printf '"content-digest": %s\n' "$digest" >> "$base"
fi

nonce=$(openssl rand -hex 16)
input="($components);created=$(date +%s);keyid=\"$KEYID\";nonce=\"$nonce\""

# the last line has no newline
printf '"@signature-params": %s' "$input" >> "$base"

if [ -n "${KEY-}" ]; then
    signature=$(openssl pkeyutl -sign -inkey "$KEY" -rawin -in "$base" \
        | openssl base64 -A)
else
    # the secret goes to openssl as hexadecimal digits, white space around it
    # taken off; on a machine with other users, sign in a program instead:
    # they see the words of commands
    hex=$(tr -d '\n' < "$SECRET" | od -An -v -tx1 | tr -d ' \n')
    signature=$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$hex" -binary \
        "$base" | openssl base64 -A)
fi

set -- "$url" ${3+"$3"}

# shellcheck disable=SC2086 # CURL is a list of words
curl -sS -g --path-as-is -X "$method" ${CURL-} \
    ${2+--data-binary "$2" -H "Content-Digest: $digest"} \
    -H "Signature-Input: sig=$input" -H "Signature: sig=:$signature:" "$1"
