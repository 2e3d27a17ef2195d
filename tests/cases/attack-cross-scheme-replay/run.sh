#!/bin/bash
# `t=T,v1=H` over `T.BODY` (Stripe, tolerance 5 min) is `sha256=H` over the body `T.BODY` (GitHub: no tolerance, the event in
# an unsigned header). Also inside one provider: generic@timestamped and generic.
. "$(dirname "$0")/../lib.sh"
export S=whsec_stripe_secret
h() { printf %s "$2" | mac "$1"; }
t=1700000000 body='{"id":"evt_1","type":"charge.refunded"}'; hex=$(h $S "$t.$body")
echo "as Stripe, three years old:"; hook verify -s env:S -p stripe -H "Stripe-Signature: t=$t,v1=$hex" --body "$body"
echo "the same signature as GitHub:"
hook verify -s env:S -H "X-Hub-Signature-256: sha256=$hex" -H 'X-GitHub-Event: push' --body "$t.$body" && echo "FAULT: verified as another scheme"
hook verify -s env:S -p github -H "X-Hub-Signature-256: sha256=$hex" -H 'X-GitHub-Event: push' --body "$t.$body" && echo "FAULT: verified as another scheme that is named"
echo "generic@timestamped, old:"; hook verify -s env:S -p generic -H "X-Signature-256: t=$t,v1=$hex" --body "$body"
echo "as generic:"; hook verify -s env:S -p generic -H "X-Signature-256: sha256=$hex" --body "$t.$body" && echo "FAULT: verified as another variant"
body='{"id":1}'; hook verify -s env:S -p github -H "X-Hub-Signature-256: sha256=$(h $S "$body")" -H 'X-GitHub-Event: push' --body "$body" >/dev/null 2>&1 && echo "CONTROL: GitHub's own verifies"
