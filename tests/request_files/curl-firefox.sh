curl 'https://api.example/hooks' \
  -X POST \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0)' \
  -H 'Accept-Encoding: gzip, deflate, br, zstd' \
  -H 'Content-Type: application/json' \
  -H 'X-Signature-256: sha256=d8682249581c6277ac8f680eb4c200e05128739baedd65023e5278b9e0aec3f7' \
  -H 'Connection: keep-alive' \
  --data-raw $'{"event":"job.paid","data":{"name":"Caf\xe9 d\'Or \ud83d\ude00\x21","note":"two\\nlines","total":12.50}}'