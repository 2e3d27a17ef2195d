curl 'https://api.example/hooks?shop=1' \
  -H 'accept: */*' \
  -H 'accept-language: en-US,en;q=0.9' \
  -H 'content-type: application/json' \
  -b 'session=abc; theme=dark' \
  -H 'sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"' \
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \
  -H 'x-signature-256: sha256=d8682249581c6277ac8f680eb4c200e05128739baedd65023e5278b9e0aec3f7' \
  --data-raw $'{"event":"job.paid","data":{"name":"Caf\u00e9 d\'Or \ud83d\ude00\u0021","note":"two\\nlines","total":12.50}}'