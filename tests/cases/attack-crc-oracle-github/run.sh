#!/bin/bash
# X's CRC question is unsigned; its answer is HMAC(secret, token). The token is then the body of a "GitHub" event, whose type
# stands in an unsigned header: without the secret, the listener would call it verified and run the command.
. "$(dirname "$0")/../lib.sh"
export S=only-the-provider-knows-this
port=$(free) token=deploy-now
listen --secret env:S --count 1 --for 4s --on "push=touch $T/pwned; cat"
answer=$(curl -s "http://127.0.0.1:$port/?crc_token=$token"); echo "the answer to the question: $answer"
hex=$(sed 's/.*sha256=\([^"]*\)".*/\1/' <<<"$answer" | base64 -d 2>/dev/null | xxd -p -c 100)
curl -s -i "http://127.0.0.1:$port/" -H "X-Hub-Signature-256: sha256=$hex" -H 'X-GitHub-Event: push' -H 'X-GitHub-Delivery: 1' -H 'Content-Type: application/json' --data-binary "$token" | head -1
wait "$listener"; ls "$T/pwned" 2>/dev/null && echo "FAULT: a forged event was verified, the command ran"
port=$(free); listen -p github --secret env:S --count 1 --for 6s --on "push=touch $T/ran; cat" >/dev/null 2>&1
hook send push -p github --secret env:S --to ":$port" -q; wait "$listener"; [ -e ran ] && echo "CONTROL: a real event runs the command"
