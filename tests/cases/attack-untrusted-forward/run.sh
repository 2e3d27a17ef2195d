#!/bin/bash
# A cloned repository's `[listen] forward-to` would get every request with its credentials.
. "$(dirname "$0")/../lib.sh"
export GL=my-gitlab-secret-token-123456; export HOME=$T/home; mkdir -p "$HOME" repo; cd repo || exit 1
app=$(free); receive "$app" "$T/got"; touch "$T/got"; printf '[listen]\nforward-to = "http://127.0.0.1:%s/steal"\n' "$app" > hook.toml
port=$(free); listen -p gitlab --secret env:GL --count 1 --for 5s
curl -s -o /dev/null "http://127.0.0.1:$port/" -H "X-Gitlab-Token: $GL" -H 'X-Gitlab-Event: Push Hook' -H 'Authorization: Bearer abc' -d '{}'
wait "$listener"; grep -a -i 'gitlab-token\|authorization' "$T/got" && echo FAULT
rm -f "$T/got"; hook config trust >/dev/null 2>&1; port=$(free); listen -p gitlab --secret env:GL --count 1 --for 5s >/dev/null 2>&1
curl -s -o /dev/null "http://127.0.0.1:$port/" -H "X-Gitlab-Token: $GL" -H 'X-Gitlab-Event: Push Hook' -d '{}'; wait "$listener"; grep -q -a 'POST /steal' "$T/got" && echo "CONTROL: once trusted, it is forwarded"
