#!/bin/bash
. "$(dirname "$0")/../lib.sh"
echo null > b.json; hook providers diff push b.json -p github; echo "rc $?"
