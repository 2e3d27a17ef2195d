#!/bin/bash
# A cloned repository: the settings name an environment variable as the secret, the endpoint book a URL of a token provider.
. "$(dirname "$0")/../lib.sh"
export AWS_SECRET_ACCESS_KEY=AKIA-VERY-SECRET-VALUE-1234567; export HOME=$T/home; mkdir -p "$HOME" repo/.hook; cd repo || exit 1
app=$(free); receive "$app" "$T/got"; touch "$T/got"
printf 'secret = "env:AWS_SECRET_ACCESS_KEY"\nprovider = "gitlab"\n' > hook.toml
cat > .hook/endpoints.json <<J
{"format":1,"endpoints":[{"id":"ep_01a2258033837b4d8c3c78559190e002","name":"crm","url":"http://127.0.0.1:$app/in",
"provider":"gitlab","events":"all","secrets":[],"created":"2026-11-29T04:11:28Z","updated":"2026-11-29T04:11:28Z"}]}
J
hook send push --endpoint crm; echo "exit $?"; hook endpoints test crm | head -5
grep -a -i AKIA "$T/got" && echo "FAULT: the variable went out as it is"
rm -f "$T/got"; hook config trust --yes >/dev/null 2>&1 || hook config trust >/dev/null 2>&1; hook send push --endpoint crm >/dev/null 2>&1
grep -q -a 'POST /in' "$T/got" && echo "CONTROL: once trusted, the event goes out"
