curl ^"https://api.example/hooks^" ^
  -H ^"content-type: application/json^" ^
  -H ^"x-signature-256: sha256=22b7b6cc37c44d15ee38c53693a121381e0039e4cebeb83a1b37b457de8a8847^" ^
  --data-raw ^"^{^

  ^\^"event^\^": ^\^"job.paid^\^",^

  ^\^"data^\^": ^{^\^"name^\^": ^\^"Zoë ^& ^\^\^\^"Co^\^\^\^"^\^", ^\^"path^\^": ^\^"C:^\^\^\^\x^\^", ^\^"price^\^": ^\^"^$5 ^`a^`^\^"^}^

^}^

^"